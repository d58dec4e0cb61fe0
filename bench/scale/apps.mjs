// @ts-check
// A process with several apps, each of them an instance with its own connections to Redis, and with rooms in place of
// sockets.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import * as standardParser from 'socket.io-parser';
import { ClusterService, RedisPropagatorModule, RedisPropagatorService } from '../../dist/index.js';
import { serve } from '../processes/serve.mjs';

const RUNTIME = Symbol.for('nestjs-redis-propagator:runtime');
const { REDIS_URL, FIRST = '0', APPS = '1', ROOM = 'each' } = process.env;

/** Records the events of one app's room. */
class Rooms {
  name = '/';
  socketCount = 1;
  codec = { parser: standardParser, encoder: new standardParser.Encoder(), custom: false };
  /** @type {Map<number, { last: number, numbers: Set<number>, twice: number, outOfOrder: number, late: number[] }>} */
  from = new Map();

  constructor(/** @type {string} */ room) {
    this.room = room;
  }

  deliver(/** @type {any} */ { packet, rooms }) {
    if (!rooms.includes(this.room)) return 0;
    const [, { from, number }] = packet.packet.data;
    let its = this.from.get(from);
    if (its === undefined) {
      its = { last: 0, numbers: new Set(), twice: 0, outOfOrder: 0, late: [] };
      this.from.set(from, its);
    }
    if (its.numbers.has(number)) its.twice++;
    else if (number < its.last) {
      its.outOfOrder++;
      its.late.push(number);
    }
    its.numbers.add(number);
    its.last = Math.max(its.last, number);
    return 1;
  }

  select = () => [];
  selectWithArriving = () => [];
  roomNames = () => [];
  identityOf = () => undefined;
  ask = () => ({ socketIds: [], done: Promise.resolve() });
  onServerSideEmit() {}
}

async function startApp(/** @type {number} */ index) {
  class ScaleModule {}
  Module({
    imports: [RedisPropagatorModule.forRoot({ redis: REDIS_URL, prefix: 'scale' })],
  })(ScaleModule);
  const app = await NestFactory.createApplicationContext(ScaleModule, { logger: false });
  const runtime = app.get(RUNTIME);
  const room = ROOM === 'each' ? `of-${index}` : ROOM;
  const rooms = new Rooms(room);
  runtime.router.namespaces.add(rooms);
  await runtime.router.hold({ kind: 'room', namespace: '/', id: room }).ready;
  /** @type {any[]} */
  const gaps = [];
  app.get(ClusterService).gaps$.subscribe((/** @type {unknown} */ gap) => gaps.push(gap));
  /** The numbers of each room's events among all events of this app. @type {Map<string, number[]>} */
  const sent = new Map();
  let sequence = 0;
  /** The numbers of events whose promises were rejected. @type {number[]} */
  const refused = [];
  let lost = 0;
  const propagator = app.get(RedisPropagatorService);
  propagator.losses$.subscribe(() => lost++);
  return {
    app,
    gaps,
    send(/** @type {string} */ to, /** @type {string} */ filler) {
      const its = sent.get(to) ?? [];
      sent.set(to, its);
      const event = ++sequence;
      const number = its.push(event);
      propagator
        .emitToRoom({ room: to, event: 'e', data: { from: index, number, filler } })
        .catch(() => refused.push(event));
    },
    /** Joins new rooms at a steady rate, `each` a second, and leaves each of them after 2 s. */
    churn(/** @type {number} */ each) {
      let count = 0;
      return setInterval(() => {
        for (let i = 0; i < each / 20; i++) {
          const target = { kind: 'room', namespace: '/', id: `churn-${index}-${count++}` };
          const hold = runtime.router.hold(target);
          setTimeout(() => hold.release(), 2_000);
        }
      }, 50);
    },
    get isWhole() {
      const { repair } = runtime.diagnostics.diagnostics();
      return runtime.pubSub.state === 'ready' && !repair.underway;
    },
    /** Events that Redis has not taken yet. */
    get waiting() {
      return runtime.diagnostics.diagnostics().outbox.events;
    },
    get received() {
      return [...rooms.from.values()].reduce((sum, { numbers }) => sum + numbers.size, 0);
    },
    get members() {
      return app.get(ClusterService).members().length;
    },
    report: () => ({
      sent: [...sent],
      refused,
      lost,
      gaps,
      instanceId: runtime.router.instanceId,
      index,
      received: [...rooms.from].map(([from, { numbers, twice, outOfOrder, late }]) => ({
        late,
        from,
        numbers: [...numbers],
        twice,
        outOfOrder,
      })),
    }),
  };
}

const apps = await Promise.all(
  Array.from({ length: Number(APPS) }, (_, i) => startApp(Number(FIRST) + i)),
);
/** @type {NodeJS.Timeout[]} */
const timers = [];

serve({
  /** Each app sends an event to one of the rooms, in turns. */
  send({ everyMs, rooms, bytes }) {
    const filler = 'x'.repeat(bytes);
    let turn = 0;
    let due = performance.now();
    timers.push(
      setInterval(
        () => {
          // A late timer sends all events that are due by now.
          for (; due <= performance.now(); due += everyMs) {
            turn++;
            for (const app of apps) app.send(rooms[(turn * 7) % rooms.length], filler);
          }
        },
        Math.max(1, everyMs),
      ),
    );
  },
  churn(/** @type {number} */ each) {
    for (const app of apps) timers.push(app.churn(each));
  },
  stop() {
    for (const timer of timers.splice(0)) clearInterval(timer);
  },
  status: () => ({
    waiting: apps.reduce((sum, { waiting }) => sum + waiting, 0),
    received: apps.reduce((sum, { received }) => sum + received, 0),
    whole: apps.filter(({ isWhole }) => isWhole).length,
    members: Math.min(...apps.map(({ members }) => members)),
    rss: process.memoryUsage().rss,
  }),
  report: () => apps.map((app) => app.report()),
  close: () => Promise.all(apps.map(({ app }) => app.close())),
});
