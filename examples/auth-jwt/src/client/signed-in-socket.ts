import { io, type Socket } from 'socket.io-client';

/**
 * A socket that stays connected after its token has expired.
 *
 * @param freshToken resolves to a new token; rejects if the user has to log in again
 */
export function signedInSocket(url: string, freshToken: () => Promise<string>): Socket {
  const socket = io(url, {
    transports: ['websocket'],
    // A function, so that a later reconnect uses the current token.
    auth: (send) => {
      freshToken().then(
        (token) => send({ token }),
        () => send({}),
      );
    },
  });

  // Shortly before the token expires. With a new token the connection stays open.
  socket.on('auth:expiring', () => {
    freshToken()
      .then((token) => socket.timeout(5000).emitWithAck('auth:refresh', token))
      .then((answer: { ok: boolean; code?: string }) => {
        if (!answer.ok) console.warn(`The token was not taken: ${answer.code}`);
      })
      .catch((error: unknown) => console.warn('No new token', error));
  });

  // It expired anyway: the laptop slept, or there was no new token. After a disconnect by the
  // server, Socket.IO does not reconnect by itself.
  socket.on('propagator:disconnect', ({ reason }: { reason: string }) => {
    if (reason === 'auth.expired') socket.once('disconnect', () => socket.connect());
  });
  return socket;
}
