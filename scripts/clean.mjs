// Removes generated files. `.cache` stays, because it holds the fetched redis-server.
import { rmSync } from 'node:fs';

for (const folder of ['build', 'dist', 'coverage', 'docs-html', 'client/build', 'client/dist']) {
  rmSync(new URL(`../${folder}`, import.meta.url), { recursive: true, force: true });
}
