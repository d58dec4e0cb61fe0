// @ts-check
const { AsyncLocalStorage } = require('node:async_hooks');
const { Script } = require('node:vm');
const JestRuntime = require('jest-runtime').default;

/**
 * The members of Jest's runtime that are replaced here. They are private, so package.json pins the version.
 *
 * @typedef {object} Executor
 * @property {string[]} injectedModuleParameters
 * @property {{ getVmContext(): import('node:vm').Context | null }} environment
 * @property {(source: string, filename: string) => Function | null} compile
 *
 * @typedef {{ code: string, sourceMapPath: string | null }} Transformed
 *
 * @typedef {object} TransformCache
 * @property {Map<string, Transformed>} transforms
 * @property {Map<string, string>} sourceMaps
 * @property {(filename: string, options?: { isInternalModule?: boolean }) => string} transform
 *
 * @typedef {object} Resolution
 * @property {(from: string, to: string, cache: Map<string, string>, options: object) => string} resolveCached
 */

/** The compiled modules of this worker. They belong to no context. @type {Map<string, { source: string, script: Script }>} */
const scripts = new Map();
/** @type {Map<string, Transformed>} */
const transformed = new Map();
/** @type {Map<string, string>} */
const resolved = new Map();

/**
 * Finds, reads, transforms and compiles each module once for each worker. Jest does so again for each spec file, which
 * takes more time than the tests themselves. Each spec file still evaluates modules of its own.
 */
module.exports = class Runtime extends JestRuntime {
  /** @param {ConstructorParameters<typeof JestRuntime>} args */
  constructor(...args) {
    super(...args);
    const { collectCoverage } = args[5];
    const { watch, watchAll } = args[7];
    // Coverage counts from the beginning of a file; files that are watched change.
    if (collectCoverage || watch || watchAll) return;
    const { executor, transformCache, _resolution } =
      /** @type {{ executor: Executor, transformCache: TransformCache, _resolution: Resolution }} */ (
        /** @type {unknown} */ (this)
      );
    compileOnce(executor);
    transformOnce(transformCache);
    resolveOnce(_resolution);
  }

  /** @override */
  teardown() {
    super.teardown();
    disableStorages();
  }
};

/** @type {Set<AsyncLocalStorage<unknown>>} */
const storages = new Set();
const { run } = AsyncLocalStorage.prototype;

/** @type {typeof run} */
AsyncLocalStorage.prototype.run = function (
  /** @type {unknown} */ store,
  /** @type {(...args: unknown[]) => unknown} */ callback,
  /** @type {unknown[]} */ ...args
) {
  storages.add(this);
  return run.call(this, store, callback, ...args);
};

/**
 * Jest creates an AsyncLocalStorage for each spec file, and leaves it enabled. Before Node 24 every promise and every timer
 * costs time for each enabled storage: after fifty spec files, `await` takes a hundred times as long.
 */
function disableStorages() {
  for (const storage of storages) storage.disable();
  storages.clear();
}

/** @param {Executor} executor */
function compileOnce(executor) {
  const { compile } = executor;
  const prefix = `(function (${executor.injectedModuleParameters.join(', ')}) {`;
  executor.compile = (source, filename) => {
    const context = executor.environment.getVmContext();
    const script = context && scriptOf(source, filename, prefix);
    return script ? script.runInContext(context) : compile.call(executor, source, filename);
  };
}

/**
 * Returns undefined for a module that only Jest can compile: an `import()` is bound to the runtime of its spec file, and
 * Jest explains errors of syntax.
 *
 * @param {string} source
 * @param {string} filename
 * @param {string} prefix
 */
function scriptOf(source, filename, prefix) {
  const known = scripts.get(filename);
  if (known?.source === source) return known.script;
  if (/^#!|\bimport\s*\(/.test(source)) return undefined;
  try {
    const columnOffset = -prefix.length;
    const script = new Script(`${prefix}${source}\n})`, { filename, columnOffset });
    scripts.set(filename, { source, script });
    return script;
  } catch {
    return undefined;
  }
}

/** @param {TransformCache} cache */
function transformOnce(cache) {
  const { transform } = cache;
  cache.transform = (filename, options) => {
    if (options?.isInternalModule) return transform.call(cache, filename, options);
    const known = transformed.get(filename);
    if (known === undefined) {
      const code = transform.call(cache, filename, options);
      const entry = cache.transforms.get(filename);
      if (entry !== undefined) transformed.set(filename, entry);
      return code;
    }
    cache.transforms.set(filename, known);
    if (known.sourceMapPath) cache.sourceMaps.set(filename, known.sourceMapPath);
    return known.code;
  };
}

/** @param {Resolution} resolution */
function resolveOnce(resolution) {
  const { resolveCached } = resolution;
  /** @type {WeakMap<object, string>} */
  const kinds = new WeakMap();
  resolution.resolveCached = (from, to, cache, options) => {
    const kind = kinds.get(options) ?? JSON.stringify(options);
    kinds.set(options, kind);
    const key = `${from}\0${to}\0${kind}`;
    let path = resolved.get(key);
    if (path === undefined) {
      path = resolveCached.call(resolution, from, to, cache, options);
      resolved.set(key, path);
    }
    return path;
  };
}
