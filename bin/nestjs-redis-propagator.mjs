#!/usr/bin/env node
// @ts-check
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { asyncApiDocument } from 'nestjs-redis-propagator';

const USAGE = `Usage: nestjs-redis-propagator asyncapi <file> [options]

Writes an AsyncAPI 3 document of a contract: of a compiled file that exports the result of defineEvents().

  --export <name>   the name of the export, if the file has several contracts
  --title <text>    the title of the document (default: Events)
  --version <text>  the version of the document (default: 1.0.0)
  --out <file>      where to write it (default: the standard output)
`;

/** @param {string} message */
function fail(message) {
  process.stderr.write(`${message}\n\n${USAGE}`);
  process.exitCode = 1;
}

/** @param {unknown} given */
const isContract = (given) =>
  typeof given === 'object' &&
  given !== null &&
  'events' in given &&
  Object.keys(given).length === 1;

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      export: { type: 'string' },
      title: { type: 'string', default: 'Events' },
      version: { type: 'string', default: '1.0.0' },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const [command, file] = positionals;
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  if (command !== 'asyncapi' || file === undefined) {
    fail(
      command === undefined
        ? 'Name a command.'
        : `Write "asyncapi" and a file, not "${positionals.join(' ')}".`,
    );
    return;
  }
  const exported = await import(pathToFileURL(resolve(file)).href);
  // A module of CommonJS has its exports also in "default".
  const all = { ...exported.default, ...exported };
  const names = Object.keys(all).filter((name) => isContract(all[name]));
  const name = values.export ?? names[0];
  if (
    name === undefined ||
    !names.includes(name) ||
    (values.export === undefined && names.length > 1)
  ) {
    const found = names.length === 0 ? 'no contract' : `the contracts ${names.join(', ')}`;
    fail(`${file} exports ${found}. Name one of them with --export.`);
    return;
  }
  const { title, version, out } = values;
  const text = `${JSON.stringify(asyncApiDocument(all[name], { title, version }), undefined, 2)}\n`;
  if (out === undefined) process.stdout.write(text);
  else await writeFile(out, text);
}

main().catch((error) => fail(error instanceof Error ? error.message : String(error)));
