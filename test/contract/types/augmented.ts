import {
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  type WsResponse,
} from '@nestjs/websockets';
import { of, type Observable } from 'rxjs';
import { expectTypeOf } from 'expect-type';
import {
  CurrentUser,
  On,
  type AuthenticatedIdentity,
  type AuthenticatedSocket,
  type ClientEventData,
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

@WebSocketGateway()
export class ContractGateway {
  @On('say')
  say(@MessageBody() data: ClientEventData<typeof contract, 'say'>): { id: number } {
    return { id: data.at.getTime() };
  }

  @On('say')
  async later(): Promise<WsResponse<{ id: number }>> {
    return { event: 'said', data: { id: 1 } };
  }

  @On('leave')
  leave(): void {}

  @On('say')
  observable(): Observable<{ id: number }> {
    return of({ id: 1 });
  }

  // @ts-expect-error a misspelled event
  @On('sai')
  misspelled(): void {}

  // @ts-expect-error the answer has another type
  @On('say')
  wrong(): { id: string } {
    return { id: '1' };
  }

  // @ts-expect-error the event has no acknowledgement
  @On('leave')
  answering(): number {
    return 1;
  }
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
