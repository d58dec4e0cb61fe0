#!/usr/bin/env node
// @ts-check
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const USAGE = `Usage: nestjs-redis-propagator asyncapi <file> [options]

Writes an AsyncAPI 3 document of a contract: of a compiled file that exports the result of defineEvents().

  --export <name>   the name of the export, if the file has several contracts
  --app <file>      a compiled file that exports the root module of the app: adds the messages that its
                    gateways handle outside of the contract. The app is not started.
  --module <name>   the name of the export, if that file has several modules
  --title <text>    the title of the document (default: Events)
  --version <text>  the version of the document (default: 1.0.0)
  --out <file>      where to write it (default: the standard output)
`;

/** @param {string} message */
function fail(message) {
  process.stderr.write(`${message}\n\n${USAGE}`);
  process.exitCode = 1;
}

/**
 * The export of a file with this name, or the only one of its kind.
 *
 * @param {string} file
 * @param {string | undefined} name
 * @param {{ kind: string, option: string, is: (given: unknown) => boolean }} wanted
 */
async function exportOf(file, name, { kind, option, is }) {
  const exported = await import(pathToFileURL(resolve(file)).href);
  // A module of CommonJS has its exports also in "default".
  const all = { ...exported.default, ...exported };
  const names = Object.keys(all).filter((each) => each !== 'module.exports' && is(all[each]));
  const [only] = names;
  if (name === undefined ? names.length === 1 : names.includes(name)) return all[name ?? only];
  const found = names.length === 0 ? `no ${kind}` : `the ${kind}s ${names.join(', ')}`;
  throw new Error(`${file} exports ${found}. Name one of them with ${option}.`);
}

/** @param {unknown} given */
const isModule = (given) =>
  typeof given === 'function' &&
  ['imports', 'providers', 'controllers', 'exports'].some((part) =>
    Reflect.hasMetadata(part, given),
  );

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
      app: { type: 'string' },
      module: { type: 'string' },
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
  if (values.module !== undefined && values.app === undefined) {
    fail('--module names an export of the file of --app.');
    return;
  }
  const { title, version, out } = values;
  const wanted = { kind: 'contract', option: '--export', is: isContract };
  const contract = await exportOf(file, values.export, wanted);
  // Nest is loaded only for a document.
  const { asyncApiDocument, asyncApiOf } = await import('nestjs-redis-propagator');
  let document;
  if (values.app === undefined) document = asyncApiDocument(contract, { title, version });
  else {
    const { NestFactory } = await import('@nestjs/core');
    const root = { kind: 'module', option: '--module', is: isModule };
    const module = await exportOf(values.app, values.module, root);
    // In its preview mode Nest reads the modules, and makes no providers.
    const options = { preview: true, abortOnError: false, logger: /** @type {const} */ (false) };
    const app = await NestFactory.createApplicationContext(module, options);
    document = asyncApiOf(app, { title, version }, contract);
  }
  const text = `${JSON.stringify(document, undefined, 2)}\n`;
  if (out === undefined) process.stdout.write(text);
  else await writeFile(out, text);
}

main().catch((error) => fail(error instanceof Error ? error.message : String(error)));
