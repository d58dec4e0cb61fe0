import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

// Loaded after run-ts.mjs, so it is asked before it.
if (isMainThread) register(import.meta.url);

const root = new URL('../../../../', import.meta.url).href;
const example = `${root}examples/chat/`;

/**
 * Packages come from the root, also where somebody has installed those of the example: the sources of the library
 * would have another copy of Nest than the example then.
 *
 * @type {import('node:module').ResolveHook}
 */
export async function resolve(specifier, context, next) {
  const isPackage = !/^(\.|\/|node:|file:)/.test(specifier);
  const ofExample =
    context.parentURL?.startsWith(example) && !context.parentURL.includes('/node_modules/');
  return next(
    specifier,
    isPackage && ofExample && specifier !== 'nestjs-redis-propagator'
      ? { ...context, parentURL: `${root}package.json` }
      : context,
  );
}
