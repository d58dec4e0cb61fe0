import type { INestApplication } from '@nestjs/common';
import type { Server, ServerOptions } from 'socket.io';
import { SocketStateAdapter } from '../../src/index.js';

/** Configures the adapter like `main.ts` of an app with its own options for its Socket.IO servers. */
export function serversWith(options: Partial<ServerOptions>): (app: INestApplication) => void {
  class AppAdapter extends SocketStateAdapter {
    override createIOServer(port: number, given?: ServerOptions): Server {
      return super.createIOServer(port, { ...given, ...options } as ServerOptions);
    }
  }
  return (app) => app.useWebSocketAdapter(new AppAdapter(app));
}
