import { readFileSync } from 'node:fs';

/** The rules of the user `app` in the recipes: the first line for a single Redis, the second for a Cluster. */
export function printedRules(topology: 'single' | 'cluster'): string[] {
  const lines = readFileSync('docs/recipes.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('redis-cli ACL SETUSER app '));
  const line = lines[topology === 'single' ? 0 : 1];
  if (line === undefined) throw new Error(`docs/recipes.md has no ACL user for: ${topology}`);
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare);
  return words.slice('redis-cli ACL SETUSER app'.split(' ').length).map(String);
}
