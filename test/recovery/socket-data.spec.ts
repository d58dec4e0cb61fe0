import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Socket } from 'socket.io';
import { MovingUsers } from './support/moving-user.js';

/** Keeps what a client says about itself, as a careless app does. */
@WebSocketGateway()
class ProfileGateway {
  @SubscribeMessage('profile')
  profile(@ConnectedSocket() socket: Socket, @MessageBody() profile: object): string {
    socket.data = { ...socket.data, ...profile };
    return 'kept';
  }

  @SubscribeMessage('data')
  data(@ConnectedSocket() socket: Socket): unknown {
    const { name, isAdmin } = socket.data as Record<string, unknown>;
    return { name, isAdmin: isAdmin === true };
  }
}

describe('the data of a socket that is recovered', () => {
  let stage: MovingUsers;
  afterEach(() => stage.close());

  it.each([0, 1])(
    'has the prototype that it had, whatever its client has sent: on instance %i',
    async (to) => {
      stage = await MovingUsers.start({ providers: [ProfileGateway] });
      const client = await stage.connect('alice', 0);
      const profile: unknown = JSON.parse('{"name":"Eve","__proto__":{"isAdmin":true}}');
      await client.socket.emitWithAck('profile', profile);
      await stage.send('alice', 1);
      await stage.settled(client);
      const data = { name: 'Eve', isAdmin: false };
      expect(await client.socket.emitWithAck('data', 1)).toEqual(data);

      await stage.move(client, to, () => stage.send('alice', 2));

      expect(await stage.settled(client)).toEqual([1, 2]);
      expect(client.connections).toEqual([false, true]);
      expect(await client.socket.emitWithAck('data', 1)).toEqual(data);
    },
  );
});
