import type { Server } from 'socket.io';
import type { TestInstance } from '../../support/test-instance.js';
import { runtimeOf, serverOf } from './census.js';

/** Targets of a request, all of them clients that never reply. */
export interface Addressees {
  readonly userId: string;
  readonly room: string;
  readonly namespace: string;
}

let open = 0;

/** Requests that are still pending. */
export function openQuestions(): number {
  return open;
}

/** Makes every kind of request. Returns the number of requests to other instances. */
export function askEverything(
  instance: TestInstance,
  { userId, room, namespace }: Addressees,
  timeoutMs: number,
): number {
  const { propagator } = instance;
  const { requests } = runtimeOf(instance);
  const server: Server = serverOf(instance);
  const before = requests.size;
  const asked = [
    propagator.requestUser({ userId, event: 'question', timeoutMs }),
    propagator.requestUser({ userId, namespace, event: 'question', timeoutMs }),
    propagator.fetchUserSockets(userId),
    propagator.joinUser(userId, 'side room'),
    propagator.leaveUser(userId, 'side room'),
    server.timeout(timeoutMs).to(room).emitWithAck('question'),
    server.of(namespace).timeout(timeoutMs).emitWithAck('question'),
    server.in(room).fetchSockets(),
    // Nobody listens.
    server.serverSideEmitWithAck('question'),
    propagator.emitToUser({ userId, event: 'news' }),
    propagator.emitToRoom({ room, event: 'news' }),
    propagator.emitToAll({ namespace, event: 'news' }),
  ];
  server.in(room).socketsJoin('side room');
  server.in(room).socketsLeave('side room');
  watch(asked);
  return requests.size - before;
}

/** Makes requests that no client answers and whose timers are ours: `emitWithAck` also has a timer of Socket.IO's own. */
export function askAndWait(
  instance: TestInstance,
  { userId, namespace }: Addressees,
  timeoutMs: number,
): void {
  const { propagator } = instance;
  watch([
    propagator.requestUser({ userId, event: 'question', timeoutMs }),
    propagator.requestUser({ userId, namespace, event: 'question', timeoutMs }),
    serverOf(instance).serverSideEmitWithAck('question'),
  ]);
}

function watch(asked: readonly Promise<unknown>[]): void {
  open += asked.length;
  const over = (): void => {
    open--;
  };
  for (const question of asked) question.then(over, over);
}
