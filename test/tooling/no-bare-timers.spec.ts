import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import * as ts from 'typescript';

const TIMERS = new Set([
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'process.nextTick',
]);
const LISTEN = new Set(['on', 'once', 'addListener', 'prependListener', 'prependOnceListener']);
/** The file that wraps timers and listeners. */
const HELPER = 'reporting/timers.ts';

/** Listeners that need no wrapper, by file and event, with the reason. */
const HARMLESS: Readonly<Record<string, string>> = {
  "draining.ts 'error'": 'does nothing',
  "engine-socket.ts 'error'": 'does nothing',
  "stream-errors.ts 'error'": 'does nothing',
  "stream-errors.ts 'connecting'": 'calls the helper only',
  "stream-errors.ts 'connect'": 'is guarded where it is made',
  'client-events.ts event': 'is guarded where it is made, without an allocation per message',
  "start-problem.ts 'connect'": 'writes to a socket that is open',
  "start-problem.ts 'data'": 'resolves a promise',
  "start-problem.ts 'secureConnect'": 'resolves a promise',
  "start-problem.ts 'close'": 'resolves a promise',
  "start-problem.ts 'error'": 'resolves a promise',
  "client-factory.ts '+node'": 'calls a function whose listeners are guarded',
  "message-handlers.ts 'disconnect'": 'is guarded where it is made',
  'message-handlers.ts handler.message as string': 'all that it calls is caught there',
  "arrivals.ts 'message'": 'attempts, without an allocation for other packets',
  "arrivals.ts 'close'": 'attempts each',
  'token-refresh.ts REFRESH_EVENT': 'is guarded where it is made',
  'client-watches.ts WATCH_EVENT': 'is guarded where it is made',
  "wire-packet.ts 'decoded'": 'is called within decoder.add(), whose caller handles it',
  "internals.ts 'connect'": 'adds a listener only',
  "internals.ts 'disconnecting'": 'is guarded by its caller, as for _remove',
  "socket-servers.ts 'connect'": 'is guarded where it is made',
  "socket-servers.ts 'connection'": 'is guarded where it is made',
  "namespace-adapter.ts 'create-room'": 'is guarded where it is made',
  "namespace-adapter.ts 'delete-room'": 'is guarded where it is made',
  "socket-state.adapter.ts 'disconnect'": "is Nest's own, as in IoAdapter",
  "write-coalescer.ts 'packetCreate'": 'runs within write(), whose caller handles it',
};

interface Call {
  readonly name: string;
  readonly text: string;
  readonly args: readonly ts.Expression[];
}

function callsIn(path: string): Call[] {
  const source = ts.createSourceFile(
    path,
    readFileSync(path, 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  );
  const calls: Call[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) {
      const name = node.expression.getText(source);
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
      calls.push({ name, text: `line ${line}: ${name}`, args: node.arguments });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return calls;
}

const isFunction = (argument: ts.Expression | undefined): boolean =>
  argument !== undefined && (ts.isArrowFunction(argument) || ts.isFunctionExpression(argument));

const src = join(import.meta.dirname, '../../src');
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && file !== HELPER && !file.startsWith('testing/'),
);

describe('an error that nothing catches would end the process', () => {
  it.each(files)('%s creates no timer directly, and no listener without a wrapper', (file) => {
    const bare: string[] = [];
    for (const { name, text, args } of callsIn(join(src, file))) {
      const [first, second] = args;
      // A resolve function cannot throw.
      if (TIMERS.has(name) && first?.getText() !== 'resolve') bare.push(text);
      const method = name.slice(name.lastIndexOf('.') + 1);
      if (name.includes('.') && LISTEN.has(method) && second !== undefined) {
        const isGuarded = ts.isCallExpression(second) && second.expression.getText() === 'guarded';
        const isReported = /(^|\.)reporter\.once$/.test(name);
        const key = `${basename(file)} ${first?.getText()}`;
        if (!isGuarded && !isReported && !(key in HARMLESS)) bare.push(`${text} ${key}`);
      }
      // RxJS rethrows errors of subscribers in a timer.
      if (method === 'subscribe' && isFunction(first)) bare.push(text);
    }
    expect(bare).toEqual([]);
  });
});
