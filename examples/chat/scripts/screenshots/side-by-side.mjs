// @ts-check

const HEIGHT = 820;
const GAP = 32;

/**
 * One picture of two pages side by side, like on a table.
 *
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').Page[]} pages
 */
export async function sideBySide(browser, pages) {
  const pictures = await Promise.all(pages.map((page) => page.screenshot()));
  const images = pictures.map(
    (picture) => `<img src="data:image/png;base64,${picture.toString('base64')}">`,
  );
  const table = await browser.newPage({ viewport: { width: 1800, height: HEIGHT + 2 * GAP } });
  await table.setContent(`<style>
    body { margin: 0; background: #dcd8ce; }
    div { display: inline-flex; gap: ${GAP}px; padding: ${GAP}px; }
    img { height: ${HEIGHT}px; border-radius: 14px; box-shadow: 0 18px 50px -18px #1b191699; }
    img + img { border-radius: 30px; }
  </style><div>${images.join('')}</div>`);
  const picture = await table.locator('div').screenshot();
  await table.close();
  return picture;
}
