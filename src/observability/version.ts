import { join as joined } from 'node:path';
import { manifestOf } from '../reporting/package-manifest.js';

/** The version of this library. A test compares it with package.json. */
export const VERSION = '0.1.0';

/**
 * The version of the app's socket.io. It comes with Nest's platform and need not be a dependency of the app itself,
 * so it is also looked up from there. Null if it is not found, as in a bundle.
 *
 * @internal
 */
export function socketIoVersion(): string | null {
  const app = joined(process.cwd(), 'package.json');
  const platform = manifestOf('@nestjs/platform-socket.io', app)?.path ?? app;
  return (manifestOf('socket.io', platform) ?? manifestOf('socket.io', app))?.version ?? null;
}
