import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { toStandardJsonSchema } from '@valibot/to-json-schema';
import specs from '@asyncapi/specs';
import { Ajv } from 'ajv';
import * as v from 'valibot';
import { z } from 'zod';
import {
  asyncApiDocument,
  asyncApiOf,
  defineEvents,
  On,
  typed,
  type AsyncApiDocument,
} from '../../src/index.js';
import { givenCluster } from '../support/test-cluster.js';
import { serveDocument } from './support/serve-document.js';

const INFO = { title: 'Shop', version: '1.0.0' };

const Node = z.object({
  name: z.string(),
  get children() {
    return z.array(Node);
  },
});

const contract = defineEvents(
  {
    '/': {
      'order-update': { data: z.object({ id: z.string() }), description: 'An order has changed.' },
      typing: { data: typed<string>(), volatile: true },
      moved: { args: [z.number(), z.string()] },
      reload: {},
      tree: { data: Node },
      when: { data: z.string().transform((text) => new Date(text)) },
      date: { data: z.date() },
      confirm: { data: z.string(), ack: z.boolean() },
      'a/b c~é_%': {},
      ['__proto__']: {},
      '*': {},
      all: {},
    },
    '/chat': {
      said: { data: toStandardJsonSchema(v.object({ id: v.number() })) },
    },
  },
  { client: { say: { data: z.object({ text: z.string().max(9) }), ack: z.number() } } },
);

function problems(document: AsyncApiDocument): unknown[] {
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  const validate = ajv.compile(specs.schemasWithoutId['3.0.0'] as object);
  validate(document);
  return [...(validate.errors ?? []), ...brokenReferences(document, document)];
}

/** References that lead nowhere in the document. */
function brokenReferences(document: unknown, part: unknown): string[] {
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([name, value]: [string, unknown]) => {
    if (name !== '$ref' || typeof value !== 'string') return brokenReferences(document, value);
    const target = value
      .slice(2)
      .split('/')
      .reduce((at: unknown, key) => (at as Record<string, unknown> | undefined)?.[key], document);
    return target === undefined ? [value] : [];
  });
}

describe('the AsyncAPI document of a contract', () => {
  const document = asyncApiDocument(contract, INFO);

  it('is valid, and survives JSON', () => {
    expect(problems(document)).toEqual([]);
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });

  it('would be found invalid', () => {
    expect(problems({ ...document, channels: { root: { addres: '/' } } })).not.toEqual([]);
    expect(
      problems({
        ...document,
        operations: { x: { action: 'send', channel: { $ref: '#/channels/nowhere' } } },
      }),
    ).not.toEqual([]);
  });

  it('has each event with its schema', () => {
    const { channels, operations, components } = document as unknown as Record<
      string,
      Record<string, Record<string, unknown>>
    >;
    expect(Object.keys(channels ?? {})).toEqual(['root', '_2f_chat', 'all']);
    expect(Object.keys(operations ?? {})).toHaveLength(14);
    expect(operations?.['receive.all.say']).toEqual({
      action: 'receive',
      channel: { $ref: '#/channels/all' },
      messages: [{ $ref: '#/channels/all/messages/receive.all.say' }],
      reply: {
        channel: { $ref: '#/channels/all' },
        messages: [{ $ref: '#/channels/all/messages/receive.all.say.ack' }],
      },
    });
    expect(components?.['messages']?.['send.root.order-update']).toEqual({
      name: 'order-update',
      title: 'order-update',
      description: 'An order has changed.',
      payload: { $ref: '#/components/schemas/send.root.order-update' },
    });
    expect(components?.['schemas']).toMatchObject({
      'send.root.order-update': { type: 'object', properties: { id: { type: 'string' } } },
      'send._2f_chat.said': { type: 'object', properties: { id: { type: 'number' } } },
      // On the wire it is a text.
      'send.root.when': { type: 'string' },
      'send.root.date': { description: expect.stringContaining('zod has no JSON Schema') },
      'send.root.moved.1': { type: 'string' },
    });
  });

  it('is empty but valid for types alone', () => {
    expect(problems(asyncApiDocument(defineEvents<{ said: () => void }>(), INFO))).toEqual([]);
  });
});

@WebSocketGateway({ namespace: 'chat' })
class ChatGateway {
  @On('say')
  say(@MessageBody() _data: unknown): number {
    return 1;
  }

  @SubscribeMessage('join')
  join(): void {}
}

describe('the AsyncAPI document of an app', () => {
  it('has the messages of its gateways, too', async () => {
    const cluster = await givenCluster()
      .of(1)
      .with(ChatGateway)
      .configured({ contract })
      .onInMemoryPubSub()
      .start();
    try {
      const document = asyncApiOf(cluster.instance(0).app, INFO);
      expect(problems(document)).toEqual([]);
      const { messages } = document['components'] as { messages: Record<string, unknown> };
      expect(messages['receive._2f_chat.join']).toEqual({
        name: 'join',
        title: 'join',
        description: 'Handled by ChatGateway.join. Not in the contract.',
      });
      expect(Object.keys(messages).filter((id) => id.endsWith('.say'))).toEqual([
        'receive.all.say',
      ]);
    } finally {
      await cluster.close();
    }
  });

  it.each([
    ['Express', () => new ExpressAdapter()],
    ['Fastify', () => new FastifyAdapter()],
  ] as const)('is served over %s by the recipe', async (_, platform) => {
    const cluster = await givenCluster()
      .of(1)
      .with(ChatGateway)
      .configured({ contract })
      .on(platform)
      .prepared(serveDocument)
      .onInMemoryPubSub()
      .start();
    try {
      const response = await fetch(`${cluster.instance(0).url}/asyncapi.json`);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toContain('application/json');
      const document = (await response.json()) as AsyncApiDocument;
      expect(problems(document)).toEqual([]);
      expect(document).toMatchObject({ info: { title: 'Shop', version: '1.4.0' } });
      expect(document['operations']).toHaveProperty(['receive._2f_chat.join']);
    } finally {
      await cluster.close();
    }
  });

  it('is served by the recipe as it stands in docs/recipes.md', () => {
    const recipe = readFileSync('test/contract/support/serve-document.ts', 'utf8').replace(
      '../../../src/index.js',
      'nestjs-redis-propagator',
    );
    expect(readFileSync('docs/recipes.md', 'utf8')).toContain(recipe);
  });

  it('needs the module', async () => {
    class EmptyModule {}
    const app = await NestFactory.createApplicationContext(
      { module: EmptyModule },
      { logger: false },
    );
    expect(() => asyncApiOf(app, INFO)).toThrow(
      expect.objectContaining({ code: 'option.invalid' }),
    );
    await app.close();
  });
});

const command = async (
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> => {
  try {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--import', './test/support/run-ts.mjs', 'bin/nestjs-redis-propagator.mjs', ...args],
      { env: { ...process.env, TEST_COMPILED_LIBRARY: '1' } },
    );
    return { code: 0, stdout, stderr };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
};

/** A compiled file of an app that cannot start, with these modules. */
function appWith(...modules: string[]): string {
  const exported = modules.map(
    (name) => `export class ${name} {}
      Module({ imports, providers: [ChatGateway] })(${name});`,
  );
  return `
    import 'reflect-metadata';
    import { Module } from '@nestjs/common';
    import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
    import { RedisPropagatorModule } from 'nestjs-redis-propagator';
    const useFactory = () => { throw new Error('started'); };
    const imports = [RedisPropagatorModule.forRootAsync({ useFactory })];
    class ChatGateway {
      constructor() { throw new Error('started'); }
      join() {}
    }
    WebSocketGateway({ namespace: '/chat' })(ChatGateway);
    const join = Object.getOwnPropertyDescriptor(ChatGateway.prototype, 'join');
    SubscribeMessage('join')(ChatGateway.prototype, 'join', join);
    ${exported.join('\n')}
  `;
}

describe('npx nestjs-redis-propagator asyncapi', () => {
  const FOLDER = '.cache/asyncapi-command';
  beforeAll(() => {
    rmSync(FOLDER, { recursive: true, force: true });
    mkdirSync(FOLDER, { recursive: true });
    const schema = `{ '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value }) } }`;
    const define = `defineEvents({ said: { data: ${schema} } })`;
    // The command loads the library by its name, as an app does; here from the sources.
    const from = `from 'nestjs-redis-propagator'`;
    writeFileSync(
      `${FOLDER}/one.mjs`,
      `import { defineEvents } ${from}; export const contract = ${define}; export const other = 1;`,
    );
    // In place of a contract that was made by the CommonJS build.
    writeFileSync(
      `${FOLDER}/one.cjs`,
      'exports.contract = { events: { server: new Map(), client: undefined } };',
    );
    writeFileSync(
      `${FOLDER}/two.mjs`,
      `import { defineEvents } ${from}; export const a = ${define}; export const b = ${define};`,
    );
    writeFileSync(`${FOLDER}/none.mjs`, 'export const contract = {};');
    writeFileSync(`${FOLDER}/app.mjs`, appWith('AppModule'));
    writeFileSync(`${FOLDER}/apps.mjs`, appWith('AppModule', 'OtherModule'));
  });
  afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

  it.each(['one.mjs', 'one.cjs'])('writes the document of %s', async (file) => {
    const { code, stdout, stderr } = await command(
      'asyncapi',
      `${FOLDER}/${file}`,
      '--title',
      'Shop',
    );
    expect([code, stderr]).toEqual([0, '']);
    const document = JSON.parse(stdout) as AsyncApiDocument;
    expect(document).toMatchObject({ info: { title: 'Shop' } });
    expect(problems(document)).toEqual([]);
  });

  it.each([['app.mjs'], ['apps.mjs', '--module', 'AppModule']])(
    'adds the messages of the gateways of %s, and starts nothing',
    async (file, ...more) => {
      const app = ['--app', `${FOLDER}/${file}`, ...more];
      const { code, stdout, stderr } = await command('asyncapi', `${FOLDER}/one.mjs`, ...app);
      expect([code, stderr]).toEqual([0, '']);
      const document = JSON.parse(stdout) as AsyncApiDocument;
      expect(problems(document)).toEqual([]);
      expect(Object.keys(document['operations'] as object)).toEqual([
        'send.all.said',
        'receive._2f_chat.join',
      ]);
    },
  );

  it('chooses one of several contracts', async () => {
    expect(await command('asyncapi', `${FOLDER}/two.mjs`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the contracts a, b'),
    });
    expect(await command('asyncapi', `${FOLDER}/two.mjs`, '--export', 'b')).toMatchObject({
      code: 0,
    });
  });

  it.each([
    [['asyncapi', `${FOLDER}/none.mjs`], 'no contract'],
    [['asyncapi', `${FOLDER}/nowhere.mjs`], 'nowhere.mjs'],
    [['asyncapi', `${FOLDER}/one.mjs`, '--app', `${FOLDER}/one.mjs`], 'no module'],
    [['asyncapi', `${FOLDER}/one.mjs`, '--app', `${FOLDER}/apps.mjs`], 'AppModule, OtherModule'],
    [['asyncapi', `${FOLDER}/one.mjs`, '--module', 'AppModule'], '--app'],
    [['asyncapi'], 'Usage'],
    [[], 'Usage'],
    [['asyncapi', 'x', '--wrong'], 'wrong'],
  ])('says what is missing: %j', async (args, said) => {
    expect(await command(...args)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(said),
    });
  });
});
