// @ts-check
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WebSocketGateway } from '@nestjs/websockets';

/**
 * The Nest app of a peer's user: Nest's IoAdapter with the peer's Socket.IO adapter, a middleware that
 * authenticates, and a gateway that puts every socket into its user's room.
 *
 * @param {object} how
 * @param {unknown} [how.adapter] of Socket.IO
 * @param {(socket: any) => void} [how.connected]
 */
export async function nestApp({ adapter, connected = joinUserRoom }) {
  const gateways = namespaces().map((namespace) => {
    class BenchGateway {
      handleConnection(/** @type {any} */ socket) {
        connected(socket);
      }
    }
    WebSocketGateway({ transports: ['websocket'], namespace, ...recovery(), ...deflate() })(
      BenchGateway,
    );
    return BenchGateway;
  });
  class BenchModule {}
  Module({ providers: gateways })(BenchModule);

  /** @type {any} */
  let server;
  class PeerAdapter extends IoAdapter {
    /** @override */
    createIOServer(/** @type {number} */ port, /** @type {any} */ options) {
      server = super.createIOServer(port, options);
      if (adapter !== undefined) server.adapter(adapter);
      return server;
    }
  }
  const app = await NestFactory.create(BenchModule, { logger: false });
  app.useWebSocketAdapter(new PeerAdapter(app));
  await app.listen(0, '127.0.0.1');
  return {
    app,
    server,
    url: `http://127.0.0.1:${app.getHttpServer().address().port}`,
  };
}

/** The way to reach a user with Socket.IO's adapters. */
function joinUserRoom(/** @type {any} */ socket) {
  const { token, rooms = [] } = socket.handshake.auth;
  socket.data.userId = token;
  socket.join([`user:${token}`, ...rooms]);
}

/** Socket.IO's connection state recovery, if the bench needs it. */
export function recovery() {
  if (process.env.RECOVERY === undefined) return {};
  return { connectionStateRecovery: { maxDisconnectionDuration: 120_000 } };
}

/** Compression, if the bench needs it. */
export function deflate() {
  return process.env.DEFLATE === undefined ? {} : { perMessageDeflate: true };
}

/** As many namespaces as the bench needs, the default one first. */
export function namespaces() {
  const count = Number(process.env.NAMESPACES ?? 1);
  return Array.from({ length: count }, (_, i) => (i === 0 ? '/' : `/n${i}`));
}
