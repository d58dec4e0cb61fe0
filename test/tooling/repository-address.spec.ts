import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FIRST = 'https://github.com/owner/name';
const SECOND = 'https://git.example/other/place';

describe('npm run repository, in a copy of the repository', () => {
  let copy: string;
  const run = (address: string) =>
    spawnSync(process.execPath, ['scripts/package/set-repository.mjs', address], { cwd: copy });
  const text = (path: string): string => readFileSync(join(copy, path), 'utf8');
  const json = (path: string) => JSON.parse(text(path)) as Record<string, unknown>;

  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'repository-'));
    for (const path of [
      'package.json',
      'client/package.json',
      'README.md',
      'scripts/package',
      'scripts/docs-check',
    ]) {
      cpSync(path, join(copy, path), { recursive: true });
    }
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  it.each([FIRST, SECOND])(
    'writes the address into both packages and the badges: %s',
    (address) => {
      expect(run(address).status).toBe(0);
      expect(json('package.json')).toMatchObject({
        homepage: `${address}#readme`,
        repository: { type: 'git', url: `git+${address}.git` },
        bugs: { url: `${address}/issues` },
      });
      expect(json('client/package.json')).toMatchObject({
        homepage: `${address}/tree/main/client#readme`,
        repository: { type: 'git', url: `git+${address}.git`, directory: 'client' },
        bugs: { url: `${address}/issues` },
      });
      const badges = [...text('README.md').matchAll(/^\[!\[(\w+).*\]\((.*)\)$/gm)];
      expect(badges.map(([, name]) => name)).toEqual(['npm', 'CI', 'Node', 'NestJS', 'Licence']);
      expect(text('README.md').split('\n').length - 1).toBeLessThanOrEqual(250);
      expect(badges.slice(0, 2).map(([, , target]) => target)).toEqual([
        `${address}/releases`,
        `${address}/actions/workflows/ci.yml`,
      ]);
    },
  );

  it('leaves nothing of an earlier address', () => {
    run(FIRST);
    run(SECOND);
    for (const path of ['package.json', 'client/package.json', 'README.md']) {
      expect(text(path)).not.toContain(FIRST);
    }
  });

  it.each(['', 'owner/name', 'http://github.com/owner/name', `${FIRST}.git`])(
    'refuses an address of another form: %j',
    (address) => {
      const before = text('package.json');
      expect(run(address).status).toBe(1);
      expect(text('package.json')).toBe(before);
    },
  );
});
