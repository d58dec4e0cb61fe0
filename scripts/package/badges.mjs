// @ts-check

/**
 * The README with the badges that need an address: the published version and CI. They come before the others, or
 * replace those of an earlier address.
 *
 * @param {string} readme
 * @param {string} address of the repository
 * @returns {string}
 */
export function withBadges(readme, address) {
  const workflow = `${address}/actions/workflows/ci.yml`;
  const badges = [
    `[![npm](https://img.shields.io/npm/v/nestjs-redis-propagator)](${address}/releases)`,
    `[![CI](${workflow}/badge.svg)](${workflow})`,
  ];
  const others = readme.split('\n').filter((line) => !/^\[!\[(?:npm|CI)\]/.test(line));
  const place = others.findIndex((line) => line.startsWith('[!['));
  return others.toSpliced(place, 0, ...badges).join('\n');
}
