import { readFileSync as readText } from 'node:fs';
import { createRequire as requireFrom } from 'node:module';
// Banners of bundles declare the usual names.
import { dirname as folderOf, join as joined } from 'node:path';

interface Manifest {
  readonly path: string;
  readonly version: string;
}

/**
 * Reads the package.json of a package. The package is resolved as if the file `from` imported it; by default from the app's
 * own folder. The search goes up from the main file of the package, because not every package exports its package.json.
 *
 * @internal
 */
export function manifestOf(name: string, from: string = appManifest()): Manifest | undefined {
  try {
    let folder = folderOf(requireFrom(from).resolve(name));
    for (;;) {
      const path = joined(folder, 'package.json');
      const found = manifestAt(path);
      if (found?.name === name && typeof found.version === 'string') {
        return { path, version: found.version };
      }
      const parent = folderOf(folder);
      if (parent === folder) return undefined;
      folder = parent;
    }
  } catch {
    return undefined;
  }
}

/**
 * The app's socket.io. It comes with Nest's platform package and need not be a dependency of the app itself, so it is
 * first resolved from that package. Undefined if it is not found, as in a bundle.
 *
 * @internal
 */
export function socketIoManifest(): Manifest | undefined {
  const platform = manifestOf('@nestjs/platform-socket.io');
  return (platform && manifestOf('socket.io', platform.path)) ?? manifestOf('socket.io');
}

function appManifest(): string {
  return joined(process.cwd(), 'package.json');
}

function manifestAt(path: string): { name?: unknown; version?: unknown } | undefined {
  try {
    return JSON.parse(readText(path, 'utf8')) as { name?: unknown; version?: unknown };
  } catch {
    return undefined;
  }
}
