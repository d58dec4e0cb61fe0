// Under a name of its own: bundlers put a `createRequire` in front of ES modules, and two of one name do not load.
import { createRequire as requireFrom } from 'node:module';
import { join } from 'node:path';

/** That of this library; a test holds it to package.json. */
export const VERSION = '0.1.0';

/**
 * That of the app's socket.io. It comes with Nest's platform and need not be a dependency of the app itself, so it is
 * looked for from there as well. Null where it is not found, as in a bundle.
 *
 * @internal
 */
export function socketIoVersion(): string | null {
  const fromApp = requireFrom(join(process.cwd(), 'package.json'));
  for (const from of [
    () => requireFrom(fromApp.resolve('@nestjs/platform-socket.io')),
    () => fromApp,
  ]) {
    try {
      return (from()('socket.io/package.json') as { version: string }).version;
    } catch {
      // Not from here.
    }
  }
  return null;
}
