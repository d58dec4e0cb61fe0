// @ts-check
import { Redis } from 'ioredis';
import { mismatch } from './cast.mjs';
import { post } from './stage.mjs';

/**
 * @typedef {object} Check
 * @property {string} title
 * @property {boolean} [needsRedis]
 * @property {(stage: import('./stage.mjs').Stage) => Promise<string[]>} run resolves to the observed events;
 * rejects with the expected and the observed ones
 */

/** @type {Check[]} */
export const checks = [
  {
    title:
      "(a) a user's event on A reaches that user's other sockets on A and B, and nobody else's, in order, the origin once",
    async run({ a, b, connect, notifyAll }) {
      const cast = await connect({
        'alice, who asked on A': { url: a, token: 'alice' },
        "alice's other tab on A": { url: a, token: 'alice' },
        "alice's tab on B": { url: b, token: 'alice' },
        'bob on A': { url: a, token: 'bob' },
        'bob on B': { url: b, token: 'bob' },
        'anonymous on A': { url: a },
        'anonymous on B': { url: b },
      });
      cast.emit('alice, who asked on A', 'events');
      const events = ['events 1', 'events 2', 'events 3'];
      const expected = {
        'alice, who asked on A': events,
        "alice's other tab on A": events,
        "alice's tab on B": events,
      };
      return cast.gotExactly(expected, notifyAll);
    },
  },
  {
    title: '(b) an HTTP POST on B emits to all, clients on A get it',
    async run({ a, b, connect, notifyAll }) {
      const cast = await connect(everyone(a, b));
      await post(b, 'all', 'hello');
      return cast.gotExactly(cast.each('notification {"text":"hello"}'), notifyAll);
    },
  },
  {
    title: '(c) emit-to-authenticated skips anonymous sockets',
    async run({ a, b, connect, notifyAll }) {
      const cast = await connect(everyone(a, b));
      await post(b, 'authenticated', 'hello');
      const events = ['notification {"text":"hello"}'];
      return cast.gotExactly({ 'alice on A': events, 'bob on B': events }, notifyAll);
    },
  },
  {
    title: '(d) a raw JSON PUBLISH from outside arrives',
    needsRedis: true,
    async run({ a, b, redisUrl, prefix, connect, notifyAll }) {
      const cast = await connect(everyone(a, b));
      // Published like with redis-cli, by a client that does not use the library.
      const outside = new Redis(redisUrl ?? '', { maxRetriesPerRequest: 0 });
      outside.on('error', () => {}); // publish rejects, which is enough here
      try {
        await outside.publish(`${prefix}:/:all`, '{"event":"tick","data":1}');
      } finally {
        outside.disconnect();
      }
      return cast.gotExactly(cast.each('tick 1'), notifyAll);
    },
  },
  {
    title: '(e) a namespaced gateway is authenticated, too, and what is said there stays there',
    async run({ a, b, connect, notifyAll }) {
      const namespace = '/chat';
      const outside = await connect({ 'alice on B, not in /chat': { url: b, token: 'alice' } });
      const chat = await connect({
        'alice in /chat on A': { url: a, namespace, token: 'alice' },
        'bob in /chat on B': { url: b, namespace, token: 'bob' },
        'anonymous in /chat on B': { url: b, namespace },
      });
      const sayToAll = ['alice in /chat on A', 'anonymous in /chat on B'].map(
        (name) => (/** @type {string} */ text) => chat.emit(name, 'message', text),
      );
      const [fromAlice, fromNobody] = [
        'message {"from":"alice","text":"hi"}',
        'message {"from":null,"text":"who am I?"}',
      ];
      chat.emit('alice in /chat on A', 'message', 'hi');
      await chat.gotExactly(chat.each(fromAlice), sayToAll);
      chat.emit('anonymous in /chat on B', 'message', 'who am I?');
      return [
        ...(await chat.gotExactly(chat.each(fromAlice, fromNobody), sayToAll)),
        ...(await outside.gotExactly({}, notifyAll)),
      ];
    },
  },
  {
    title: '(f) a bad token is refused',
    async run({ a, b, knock }) {
      const seen = [];
      for (const [name, url] of Object.entries({ A: a, B: b })) {
        for (const namespace of ['/', '/chat']) {
          const who = `bad token for ${namespace} on ${name}`;
          const outcome = await knock({ url, namespace, token: 'bad-token' }).outcome;
          if (outcome !== 'auth.token-rejected')
            throw mismatch(who, 'auth.token-rejected', outcome);
          seen.push(`${who}: ${outcome}`);
        }
      }
      return seen;
    },
  },
];

/**
 * @param {string} a
 * @param {string} b
 * @returns {Record<string, import('./client.mjs').Role>}
 */
function everyone(a, b) {
  return {
    'alice on A': { url: a, token: 'alice' },
    'anonymous on A': { url: a },
    'bob on B': { url: b, token: 'bob' },
    'anonymous on B': { url: b },
  };
}
