import type { INestApplicationContext } from '@nestjs/common';
import { SocketStateAdapter } from 'nestjs-redis-propagator';
import type { Server, ServerOptions } from 'socket.io';

/** Options of the one Socket.IO server that all gateways share. */
export class ChatSocketAdapter extends SocketStateAdapter {
  constructor(
    app: INestApplicationContext,
    private readonly cors: ServerOptions['cors'],
  ) {
    super(app);
  }

  override createIOServer(port: number, options?: ServerOptions): Server {
    return super.createIOServer(port, {
      ...(options as ServerOptions),
      cors: this.cors,
      // The largest message that a DTO accepts has a few kilobytes. Socket.IO's default is a megabyte.
      maxHttpBufferSize: 16_384,
    });
  }
}
