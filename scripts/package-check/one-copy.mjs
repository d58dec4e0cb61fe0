// @ts-check
import { run } from './steps.mjs';

/** The library comes first, and at the same time as a package that it needs: neither order may matter. */
const CODE = `
import * as library from 'nestjs-redis-propagator';
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';

const require = createRequire(import.meta.url);
const [testing, common] = await Promise.all([
  import('nestjs-redis-propagator/testing'),
  import('@nestjs/common'),
]);
const required = require('nestjs-redis-propagator');
assert.deepEqual(Object.keys(required).sort(), Object.keys(library).sort());
for (const [name, value] of Object.entries(library)) assert.equal(required[name], value, name);
const requiredTesting = require('nestjs-redis-propagator/testing');
for (const [name, value] of Object.entries(testing)) assert.equal(requiredTesting[name], value, name);

for (const [name, value] of Object.entries(library)) if (typeof value === 'function') assert.equal(value.name, name);
assert.ok(library.RedisPropagatorModule.forRoot().module === library.RedisPropagatorModule);
assert.ok(Reflect.getMetadataKeys(library.RedisPropagatorInterceptor).length > 0);
assert.equal(typeof common.Module, 'function');
const error = await new testing.RecordingPropagator().emitToAll({ event: 'disconnect' }).then(
  () => undefined,
  (reason) => reason,
);
assert.ok(error instanceof required.PropagatorError);
assert.match(error.stack, /^PropagatorError: .*\\n(?: {4}at .*\\n)* {4}at .*emitToAll/);
`;

/**
 * A class is the same in both formats and both entries, so that `instanceof` and injection work across them, and it
 * has its name.
 *
 * @param {string} folder of an app
 */
export function checkOneCopy(folder) {
  return run(process.execPath, ['--input-type=module', '-e', CODE], folder);
}
