// @ts-check

/** Colours by the kind of contestant, from the reader's colour scheme. */
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .strong { font-weight: 600 }
  .faint { fill: #59636e }
  .axis { stroke: #818b98; stroke-width: 1 }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .library { fill: #0969da; stroke: #0969da }
  .variant { fill: #80b3ed; stroke: #80b3ed }
  .floor { fill: #818b98; stroke: #818b98 }
  .peer { fill: #bc4c00; stroke: #bc4c00 }
  .spread { stroke: #1f2328; stroke-width: 1; opacity: 0.7 }
  path { fill: none !important; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .faint { fill: #9198a1 }
    .grid { stroke: #3d444d }
    .library { fill: #4493f8; stroke: #4493f8 }
    .variant { fill: #2a5a99; stroke: #2a5a99 }
    .peer { fill: #db6d28; stroke: #db6d28 }
    .spread { stroke: #f0f6fc }
  }
`;

/**
 * @param {number} width
 * @param {number} height
 * @param {string} title for readers who cannot see the chart
 * @param {string[]} parts
 */
export function svg(width, height, title, parts) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

/**
 * @param {number} x
 * @param {number} y
 * @param {string} content
 * @param {{ end?: boolean, class?: string }} [how]
 */
export function text(x, y, content, { end = false, class: name = '' } = {}) {
  const anchor = end ? ' text-anchor="end"' : '';
  const named = name === '' ? '' : ` class="${name}"`;
  return `<text x="${round(x)}" y="${round(y)}"${anchor}${named}>${escaped(content)}</text>`;
}

/** @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2 @param {string} name */
export function line(x1, y1, x2, y2, name) {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" class="${name}"/>`;
}

/** @param {number} value */
export function round(value) {
  return Math.round(value * 10) / 10;
}

/** @param {string} content */
function escaped(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
