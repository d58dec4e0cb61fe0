import { readFileSync } from 'node:fs';
import { MessageBody, WebSocketGateway } from '@nestjs/websockets';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type } from 'arktype';
import { Type } from 'typebox';
import {
  asyncApiDocument,
  defineEvents,
  On,
  typed,
  type ClientEventData,
} from '../../src/index.js';
import { contractHash } from '../../src/contract/contract-hash.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { FENCE, type TestClient } from '../support/test-client.js';
import { schemaOf } from './support/typebox.js';

const ark = defineEvents(
  {
    said: { data: type({ id: 'number > 0', tags: 'string[]' }) },
    [FENCE]: { data: typed<unknown>() },
  },
  { client: { say: { data: type({ text: 'string >= 2', at: 'string.date.parse' }) } } },
);

const box = defineEvents(
  {
    [FENCE]: { data: typed<unknown>() },
    said: {
      data: schemaOf(
        Type.Object({ id: Type.Number({ exclusiveMinimum: 0 }), tags: Type.Array(Type.String()) }),
      ),
    },
  },
  {
    client: {
      say: {
        data: schemaOf(Type.Object({ text: Type.String({ minLength: 2 }), at: Type.String() })),
      },
    },
  },
);

let handled: unknown[] = [];

@WebSocketGateway()
class ChatGateway {
  @On('say')
  say(@MessageBody() { text, at }: ClientEventData<typeof ark, 'say'>): void {
    handled.push([text, at]);
  }
}

const AT = '2026-11-30T00:00:00.000Z';

describe.each([
  { library: 'ArkType', contract: ark, at: new Date(AT), tag: 'data.tags[1]' },
  // TypeBox does not transform, and names each step of a path in text.
  { library: 'TypeBox, with an adapter,', contract: box, at: AT, tag: 'data.tags.1' },
])('a contract of $library', ({ contract, at, tag }) => {
  let cluster: TestCluster;
  let client: TestClient;
  beforeAll(async () => {
    cluster = await givenCluster()
      .of(1)
      .with(ChatGateway)
      .configured({ contract })
      .onInMemoryPubSub()
      .start();
    client = await cluster.instance(0).connect({ token: 'ann' });
    handled = [];
  });
  afterAll(() => cluster.close());

  it('validates emits, and names the place', async () => {
    const { propagator } = cluster.instance(0);
    for (const [data, place] of [
      [{ id: 0, tags: [] }, 'data.id'],
      [{ id: 1, tags: ['a', 2] }, tag],
    ] as const) {
      await expect(propagator.emitToAll({ event: 'said', data })).rejects.toMatchObject({
        code: 'event.invalid-data',
        cause: [expect.objectContaining({ path: place })],
      });
    }
    await propagator.emitToAll({ event: 'said', data: { id: 1, tags: ['a'] } });
    await client.waitFor('said');
    expect(client.data('said')).toEqual([{ id: 1, tags: ['a'] }]);
  });

  it('validates messages of clients, and gives the output to the handler', async () => {
    expect(await client.ask('say', { text: 'x', at: AT })).toMatchObject({
      status: 'error',
      code: 'event.invalid-data',
      issues: [{ path: 'data.text' }],
    });
    client.emit('say', { text: 'hello', at: AT });
    await cluster.settled(client);
    expect(handled).toEqual([['hello', at]]);
  });

  it('is described in an AsyncAPI document, and in its hash', () => {
    const { components } = asyncApiDocument(contract, { title: 'Chat', version: '1.0.0' });
    const { schemas } = components as { schemas: Record<string, unknown> };
    expect(schemas['send.all.said']).toMatchObject({
      type: 'object',
      properties: { id: { type: 'number', exclusiveMinimum: 0 }, tags: { type: 'array' } },
    });
    expect(contractHash(contract)).not.toBe(contractHash(defineEvents({ said: {} })));
  });
});

it('docs/contract.md has the adapter for TypeBox as it is tested here', () => {
  const adapter = readFileSync('test/contract/support/typebox.ts', 'utf8').replace(
    '../../../src/index.js',
    'nestjs-redis-propagator',
  );
  expect(readFileSync('docs/contract.md', 'utf8')).toContain(adapter);
});
