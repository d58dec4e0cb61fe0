import { type } from 'arktype';
import { expectTypeOf } from 'expect-type';
import { Type } from 'typebox';
import {
  defineEvents,
  type ClientEventAnswer,
  type ClientEventData,
  type RedisPropagatorService,
} from '../../../src/index.js';
import { schemaOf } from '../support/typebox.js';

const ark = defineEvents(
  { '/chat': { said: { data: type({ id: 'number > 0' }) } } },
  { client: { say: { data: type({ at: 'string.date.parse' }), ack: type('string[]') } } },
);
const box = defineEvents(
  { '/chat': { said: { data: schemaOf(Type.Object({ id: Type.Number() })) } } },
  { client: { say: { data: schemaOf(Type.Union([Type.Literal('a'), Type.Null()])) } } },
);

export async function withArkType(propagator: RedisPropagatorService<typeof ark>): Promise<void> {
  await propagator.of('/chat').emitToAll({ event: 'said', data: { id: 1 } });
  // @ts-expect-error wrong data
  await propagator.of('/chat').emitToAll({ event: 'said', data: { id: '1' } });
  // @ts-expect-error a misspelled event
  await propagator.of('/chat').emitToAll({ event: 'sayd', data: { id: 1 } });
}
expectTypeOf<ClientEventData<typeof ark, 'say'>>().toEqualTypeOf<{ at: Date }>();
expectTypeOf<ClientEventAnswer<typeof ark, 'say'>>().toEqualTypeOf<string[]>();

export async function withTypeBox(propagator: RedisPropagatorService<typeof box>): Promise<void> {
  await propagator.of('/chat').emitToAll({ event: 'said', data: { id: 1 } });
  // @ts-expect-error wrong data
  await propagator.of('/chat').emitToAll({ event: 'said', data: { id: '1' } });
}
expectTypeOf<ClientEventData<typeof box, 'say'>>().toEqualTypeOf<'a' | null>();
