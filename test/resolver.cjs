// @ts-check
const { dirname, join, sep } = require('node:path');

const rxjs = join(dirname(require.resolve('rxjs/package.json')), 'dist', 'bundles', 'rxjs.umd.js');

/** RxJS as one file: each test file would load 226 otherwise. */
const BUNDLED = new Map([
  ['rxjs', rxjs],
  ['rxjs/operators', join(__dirname, 'rxjs-operators.cjs')],
]);

/**
 * The sources import `./x.js`, as Node wants; the file beside them is `x.ts`. Jest caches what a resolver returns, and
 * resolves the names of `moduleNameMapper` again for each import.
 *
 * @param {string} request
 * @param {{ basedir: string, defaultResolver: (request: string, options: object) => string }} options
 */
module.exports = function resolve(request, options) {
  const bundled = BUNDLED.get(request);
  if (bundled !== undefined) return bundled;
  const isSource = !options.basedir.includes(`${sep}node_modules${sep}`);
  const name = isSource ? request.replace(/^(\.{1,2}\/.*)\.js$/, '$1') : request;
  return options.defaultResolver(name, options);
};
