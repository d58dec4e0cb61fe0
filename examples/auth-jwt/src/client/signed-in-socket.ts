import { io, type Socket } from 'socket.io-client';

/**
 * A socket that stays connected beyond the end of its token.
 *
 * @param freshToken resolves to a new token; rejects where the user has to log in again
 */
export function signedInSocket(url: string, freshToken: () => Promise<string>): Socket {
  const socket = io(url, {
    transports: ['websocket'],
    // A function: a connection that comes back later brings a token of that moment.
    auth: (send) => {
      freshToken().then(
        (token) => send({ token }),
        () => send({}),
      );
    },
  });

  // Shortly before the token ends. With a new one the connection stays as it is.
  socket.on('auth:expiring', () => {
    freshToken()
      .then((token) => socket.timeout(5000).emitWithAck('auth:refresh', token))
      .then((answer: { ok: boolean; code?: string }) => {
        if (!answer.ok) console.warn(`The token was not taken: ${answer.code}`);
      })
      .catch((error: unknown) => console.warn('No new token', error));
  });

  // It ended all the same: the laptop slept, or there was no new token. After a disconnect by the
  // server Socket.IO does not come back by itself.
  socket.on('propagator:disconnect', ({ reason }: { reason: string }) => {
    if (reason === 'auth.expired') socket.once('disconnect', () => socket.connect());
  });
  return socket;
}
