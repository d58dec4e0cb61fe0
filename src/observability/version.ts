import { join as joined } from 'node:path';
import { manifestOf } from '../reporting/package-manifest.js';

/** That of this library; a test holds it to package.json. */
export const VERSION = '0.1.0';

/**
 * That of the app's socket.io. It comes with Nest's platform and need not be a dependency of the app itself, so it is
 * looked for from there as well. Null where it is not found, as in a bundle.
 *
 * @internal
 */
export function socketIoVersion(): string | null {
  const app = joined(process.cwd(), 'package.json');
  const platform = manifestOf('@nestjs/platform-socket.io', app)?.path ?? app;
  return (manifestOf('socket.io', platform) ?? manifestOf('socket.io', app))?.version ?? null;
}
