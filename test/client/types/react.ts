import { expectTypeOf } from 'expect-type';
import { connect, type ClientSocket } from 'nestjs-redis-propagator-client';
import {
  PropagatorProvider,
  useEvent,
  usePresence,
  useSocket,
  useStatus,
} from 'nestjs-redis-propagator-client/react';
import { createElement } from 'react';
import { z } from 'zod';
import { defineEvents } from '../../../src/index.js';

const contract = defineEvents({
  '/': { news: { data: z.string() } },
  '/chat': { said: { data: z.object({ text: z.string() }) } },
});

const socket = connect<typeof contract>('/', { autoConnect: false });
createElement(PropagatorProvider, { socket });
expectTypeOf(useSocket<typeof contract>()).toEqualTypeOf<ClientSocket<typeof contract>>();
expectTypeOf(useSocket<typeof contract, '/chat'>('/chat')).toEqualTypeOf<
  ClientSocket<typeof contract, '/chat'>
>();
// @ts-expect-error no such namespace
useSocket<typeof contract, '/chats'>('/chats');
useEvent('/chat', 'said', (anything: number) => anything);
expectTypeOf(usePresence(['alice', 42], '/chat').get('alice')?.online).toEqualTypeOf<
  boolean | undefined
>();
// @ts-expect-error no namespace
usePresence(['alice'], {});
// @ts-expect-error one id instead of a list
usePresence('alice');
expectTypeOf(useStatus('/chat').failures).toEqualTypeOf<number>();
