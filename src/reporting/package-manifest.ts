import { readFileSync as readText } from 'node:fs';
import { createRequire as requireFrom } from 'node:module';
// Banners of bundles declare the usual names.
import { dirname as folderOf, join as joined } from 'node:path';

/** Reads the package.json of a package from the place of another file. Not every package exports it. @internal */
export function manifestOf(
  name: string,
  from: string,
): { path: string; version: string } | undefined {
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

function manifestAt(path: string): { name?: unknown; version?: unknown } | undefined {
  try {
    return JSON.parse(readText(path, 'utf8')) as { name?: unknown; version?: unknown };
  } catch {
    return undefined;
  }
}
