// @ts-check
import { nestApp } from './nest-app.mjs';

/**
 * A Nest app with one of Socket.IO's adapters.
 *
 * @param {unknown} adapter
 * @param {() => Promise<unknown>} published the promise of the adapter's last publishing command
 */
export async function socketIoPeer(adapter, published) {
  return contestantOf(await nestApp({ adapter }), published);
}

/**
 * @param {Awaited<ReturnType<typeof nestApp>>} nest
 * @param {() => Promise<unknown>} published
 * @returns {import('./contestant.mjs').Contestant}
 */
export function contestantOf({ app, server, url }, published) {
  return {
    url,
    toUser(user, event, data, namespace = '/') {
      server.of(namespace).to(`user:${user}`).emit(event, data);
      return published();
    },
    toRoom(room, event, data) {
      server.to(room).emit(event, data);
      return published();
    },
    toAll(event, data) {
      server.emit(event, data);
      return published();
    },
    close: () => app.close(),
  };
}
