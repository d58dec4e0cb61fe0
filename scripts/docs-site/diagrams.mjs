// @ts-check
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { launchChromium } from '../chromium/launch.mjs';
import { codeBlocks } from '../docs-check/markdown.mjs';
import { allPages } from '../docs-check/pages.mjs';

const THEMES = /** @type {const} */ ({ light: 'neutral', dark: 'dark' });

/** @param {string} code of a diagram @param {keyof typeof THEMES} theme */
export function fileOf(code, theme) {
  const hash = createHash('sha256').update(code).digest('hex').slice(0, 12);
  return `diagrams/${hash}-${theme}.svg`;
}

/**
 * Draws the mermaid blocks of all pages as SVG, for a light and a dark page. Files that exist are kept: a changed
 * diagram has another name.
 *
 * @param {string} folder
 * @param {string} mermaid the file of the library, for a browser
 * @returns {Promise<number>} how many diagrams there are
 */
export async function drawDiagrams(folder, mermaid) {
  const blocks = allPages()
    .flatMap(codeBlocks)
    .filter(({ language }) => language === 'mermaid');
  const missing = blocks.flatMap(({ code, at }) =>
    Object.entries(THEMES)
      .map(([name, theme]) => {
        const file = join(folder, fileOf(code, name === 'dark' ? 'dark' : 'light'));
        return { code, at, theme, file };
      })
      .filter(({ file }) => !existsSync(file)),
  );
  if (missing.length > 0) {
    await mkdir(join(folder, 'diagrams'), { recursive: true });
    await draw(missing, mermaid);
  }
  return blocks.length;
}

/**
 * @param {{ code: string, at: string, theme: string, file: string }[]} diagrams
 * @param {string} mermaid
 */
async function draw(diagrams, mermaid) {
  const { browser } = await launchChromium({ fonts: true });
  try {
    const page = await browser.newPage();
    await page.addScriptTag({ path: mermaid });
    for (const { code, at, theme, file } of diagrams) {
      const svg = await page.evaluate(render, { code, theme }).catch((error) => {
        throw new Error(`the diagram at ${at} cannot be drawn: ${String(error)}`);
      });
      await writeFile(file, svg);
    }
  } finally {
    await browser.close();
  }
}

/**
 * Runs in the browser.
 *
 * @param {{ code: string, theme: string }} diagram
 * @returns {Promise<string>}
 */
async function render({ code, theme }) {
  const { mermaid } = /** @type {any} */ (globalThis);
  mermaid.initialize({
    startOnLoad: false,
    theme,
    // Labels of HTML are not shown in an image.
    htmlLabels: false,
    flowchart: { htmlLabels: false, useMaxWidth: false, wrappingWidth: 400 },
    sequence: { useMaxWidth: false },
    fontFamily: 'system-ui, sans-serif',
  });
  const { svg } = await mermaid.render('diagram', code);
  return svg;
}
