import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClusterService,
  RedisPropagatorModule,
  RedisPropagatorService,
  SocketStateAdapter,
  type EventGap,
  type RedisConnection,
} from '../../src/index.js';
import { PlainGateway } from '../support/plain-gateway.js';
import { EVENT, roomOf, targetOf, turnOf, userOf, usersOf, type Numbered } from './plan.js';
import { obey, say, type InstanceConfig, type Note } from './protocol.js';

// An instance of an app with this library, in its own process.

const { sender, redis, options, clockStops } = JSON.parse(
  process.argv[2] ?? '{}',
) as InstanceConfig;
const notes: Note[] = [];
const note = (...words: unknown[]): void => {
  notes.push({ at: Date.now(), text: words.join(' ') });
};

if (clockStops === true) stopClockWithProcess();

/** Such pauses between two looks at the clock are those of a process that stood still. */
function stopClockWithProcess(): void {
  const pauseMs = 3_000;
  const now = performance.now.bind(performance);
  let last = now();
  let stoodStillMs = 0;
  performance.now = () => {
    const current = now();
    if (current - last > pauseMs) stoodStillMs += current - last;
    last = current;
    return current - stoodStillMs;
  };
}

@Module({
  imports: [
    RedisPropagatorModule.forRoot({
      redis: ('url' in redis ? redis.url : redis) as RedisConnection,
      prefix: 'faults',
      logger: { log: note, warn: note, error: note },
      auth: { authenticate: (token) => ({ userId: token }) },
      ...options,
    }),
  ],
  providers: [PlainGateway],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false });
app.enableShutdownHooks();
app.useWebSocketAdapter(new SocketStateAdapter(app));
await app.listen(0, '127.0.0.1');
const propagator = app.get(RedisPropagatorService);
const cluster = app.get(ClusterService);
const gaps: EventGap[] = [];
cluster.gaps$.subscribe((gap) => gaps.push(gap));

function emit(number: number): Promise<unknown> {
  const data: Numbered = { sender, number };
  const event = { event: EVENT, data };
  switch (targetOf(number)) {
    case 'user':
      return propagator.emitToUser({ ...event, userId: userOf(turnOf(number)) });
    case 'users':
      return propagator.emitToUsers({ ...event, userIds: usersOf(number) });
    case 'all':
      return propagator.emitToAll(event);
    case 'authenticated':
      return propagator.emitToAuthenticated(event);
    case 'room':
      return propagator.emitToRoom({ ...event, room: roomOf(turnOf(number)) });
  }
}

obey(emit, { gaps, notes: () => notes });
say({
  type: 'started',
  url: (await app.getUrl()).replace('[::1]', '127.0.0.1'),
  instanceId: cluster.self.instanceId,
});
