import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { peerSets } from '../../scripts/peers/sets.mjs';
import { faultsOfRelease, notesOf } from '../../scripts/package/release.mjs';

const CHANGELOG =
  '# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2027-01-02\n\n- New.\n\n## [1.2.2] - 2027-01-01\n\n- Old.\n';
const release = {
  tag: 'v1.2.3',
  repository: 'https://example.com/owner/name',
  version: '1.2.3',
  address: 'https://example.com/owner/name',
  changelog: CHANGELOG,
  client: { version: '1.2.3', address: 'https://example.com/owner/name' },
};

describe('a release', () => {
  it('is published if the tag, the version, the changelog and the address agree', () => {
    expect(faultsOfRelease(release)).toEqual([]);
    expect(notesOf(CHANGELOG, '1.2.3')).toBe('- New.');
  });

  it.each([
    ['the tag is of another version', { tag: 'v1.2.4' }],
    ['the client has another version', { client: { ...release.client, version: '1.2.2' } }],
    ['the client has no address', { client: { ...release.client, address: undefined } }],
    ['the changelog does not have the version', { changelog: '## [Unreleased]\n\n- New.\n' }],
    [
      'the changelog has no entries',
      { changelog: '## [1.2.3] - 2027-01-02\n\n## [1.2.2] - 2027-01-01\n' },
    ],
    [
      'package.json has no address',
      { address: undefined, client: { ...release.client, address: undefined } },
    ],
    ['the tag is in another repository', { repository: 'https://example.com/other/name' }],
  ])('is refused if %s', (_, change) => {
    expect(faultsOfRelease({ ...release, ...change })).toHaveLength(1);
  });
});

describe('the workflows', () => {
  const folder = '.github/workflows';
  const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: object };

  it('run npm scripts that exist', () => {
    const called = texts.flatMap((text) =>
      [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => String(name)),
    );
    expect(called.length).toBeGreaterThan(10);
    expect(called.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });

  it('publish both packages with provenance, each after its check', () => {
    const { jobs } = parse(readFileSync(join(folder, 'release.yml'), 'utf8')) as {
      jobs: { publish: { steps: { run?: string; 'working-directory'?: string }[] } };
    };
    const steps = jobs.publish.steps.flatMap(({ run = '', ...more }) =>
      /npm|check-release/.test(run)
        ? [`${more['working-directory'] ?? '.'}: ${run.split('\n')[0]}`]
        : [],
    );
    expect(steps).toEqual([
      '.: npm ci --no-audit --no-fund',
      expect.stringContaining('.: node scripts/package/check-release.mjs "$GITHUB_REF_NAME"'),
      '.: npm run build:client -- --check',
      '.: npm publish --provenance --access public',
      'client: npm publish --provenance --access public',
      expect.stringContaining('--notes'),
    ]);
  });

  it('run all that .ci/run runs', () => {
    const all = readFileSync('.ci/run', 'utf8').matchAll(/^step '[^']+' npm (.+)$/gm);
    const commands = [...all].map(([, command = '']) =>
      command.replace(/^run test:peers$/, 'run test:peers -- --only'),
    );
    expect(commands.length).toBeGreaterThan(15);
    expect(
      commands.filter((command) => !texts.some((text) => text.includes(`npm ${command}`))),
    ).toEqual([]);
  });

  it('run the tests with the peer sets that exist, and parse', () => {
    const { jobs } = parse(readFileSync(join(folder, 'ci.yml'), 'utf8')) as {
      jobs: { peers: { strategy: { matrix: { peers: string[] } } } };
    };
    const names = new Set(peerSets.map(({ name }) => name));
    expect(jobs.peers.strategy.matrix.peers.filter((name) => !names.has(name))).toEqual([]);
    for (const text of texts) expect(parse(text)).toHaveProperty('jobs');
  });
});
