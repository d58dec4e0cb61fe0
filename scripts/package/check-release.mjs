// @ts-check
/**
 * Before a release: `check-release.mjs v1.2.3 https://github.com/OWNER/NAME` fails unless package.json, that of the client, the changelog
 * and the repository fit the tag. `check-release.mjs --notes v1.2.3` prints the entries of the changelog.
 */
import { page } from '../docs-check/pages.mjs';
import { CLIENT_MANIFEST, manifest, repositoryAddress } from './manifest.mjs';
import { faultsOfRelease, notesOf } from './release.mjs';

const [first = '', second = ''] = process.argv.slice(2);
const changelog = page('CHANGELOG.md').text;
if (first === '--notes') {
  console.log(notesOf(changelog, second.slice(1)) ?? '');
} else {
  const about = manifest();
  const client = manifest(CLIENT_MANIFEST);
  const address = repositoryAddress(about);
  const faults = faultsOfRelease({
    tag: first,
    repository: second,
    version: about.version,
    address,
    changelog,
    client: { version: client.version, address: repositoryAddress(client) },
  });
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
