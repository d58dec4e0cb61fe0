import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { expectTypeOf } from 'expect-type';
import {
  CurrentUser,
  type AuthenticatedIdentity,
  type AuthenticatedSocket,
  type RedisPropagatorService,
  type SocketStateService,
} from '../../../src/index.js';
import type { contract } from './contracts.js';

declare module '../../../src/index.js' {
  interface PropagatorTypes {
    contract: typeof contract;
    claims: { role: 'admin' | 'member' };
    data: { locale: string };
  }
}

@WebSocketGateway()
export class AugmentedGateway {
  @SubscribeMessage('say')
  say(
    @MessageBody() _text: string,
    @CurrentUser() _user: AuthenticatedIdentity | null,
    @CurrentUser('role') _role: 'admin' | 'member' | null,
    @CurrentUser('role') _text2: string,
    @CurrentUser('userId') _userId: string,
    // @ts-expect-error the claim is a text
    @CurrentUser('role') _number: number,
    // @ts-expect-error the claim has one more value
    @CurrentUser('role') _admin: 'admin',
    // @ts-expect-error a misspelled claim
    @CurrentUser('rol') _rol: string,
  ): void {}
}

export async function augmented(
  propagator: RedisPropagatorService,
  state: SocketStateService,
  own: AuthenticatedSocket<{ tenant: string }>,
): Promise<void> {
  await propagator.emitToAll({ event: 'reload' });
  // @ts-expect-error a misspelled event
  await propagator.emitToAll({ event: 'reloaded' });
  const [socket] = state.get('1');
  expectTypeOf(socket?.auth?.role).toEqualTypeOf<'admin' | 'member' | undefined>();
  expectTypeOf(socket?.data.locale).toEqualTypeOf<string | undefined>();
  socket?.emit('said', { id: 1 });
  // @ts-expect-error wrong data
  socket?.emit('said', { id: '1' });
  expectTypeOf(own.auth?.tenant).toEqualTypeOf<string | undefined>();
  // Any event, on purpose.
  const anything = propagator as RedisPropagatorService<unknown>;
  await anything.emitToAll({ event: 'anything', data: 1 });
}
