import { Controller, Get, UseFilters, UseGuards, type ExecutionContext } from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  PropagatorExceptionFilter,
  WsAuthGuard,
  type AuthenticatedSocket,
} from '../../src/index.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import type { TestInstance } from '../support/test-instance.js';

const handled: string[] = [];

@UseGuards(WsAuthGuard)
@UseFilters(PropagatorExceptionFilter)
@WebSocketGateway()
class GuardedGateway {
  @SubscribeMessage('guarded')
  guarded(@MessageBody() text: string): string {
    handled.push(text);
    return `handled ${text}`;
  }

  @SubscribeMessage('expire')
  expire(client: AuthenticatedSocket, atMs: number): boolean {
    client.auth = { ...(client.auth as object), expiresAt: atMs } as AuthenticatedSocket['auth'];
    return true;
  }

  @SubscribeMessage('log out')
  logOut(client: AuthenticatedSocket): boolean {
    client.auth = null;
    return true;
  }
}

/** One guarded handler, and Nest's filter. */
@WebSocketGateway({ namespace: 'mixed' })
class MixedGateway {
  @SubscribeMessage('open')
  open(@MessageBody() text: string): string {
    return text;
  }

  @UseGuards(WsAuthGuard)
  @SubscribeMessage('guarded')
  guarded(@MessageBody() text: string): string {
    handled.push(text);
    return `handled ${text}`;
  }
}

@Controller()
class GuardedController {
  @UseGuards(WsAuthGuard)
  @Get('guarded')
  guarded(): string {
    handled.push('http');
    return 'handled';
  }
}

const REFUSED = { status: 'error', code: 'auth.required', message: 'Authentication required' };

describe('WsAuthGuard', () => {
  let cluster: TestCluster;
  let instance: TestInstance;
  beforeEach(async () => {
    handled.length = 0;
    cluster = await givenCluster()
      .of(1)
      .with(GuardedGateway, MixedGateway)
      .withControllers(GuardedController)
      .start();
    instance = cluster.instance(0);
  });
  afterEach(() => cluster.close());

  it('accepts authenticated clients', async () => {
    const alice = await instance.connect({ token: 'alice' });
    expect(await alice.ask('guarded', 'this')).toBe('handled this');
    expect(alice.received).toEqual([]);
  });

  it('refuses anonymous clients, in the acknowledgement', async () => {
    const anonymous = await instance.connect();
    expect(await anonymous.ask('guarded', 'this')).toEqual(REFUSED);
    expect(anonymous.received).toEqual([]);
    expect(handled).toEqual([]);
  });

  it('refuses anonymous clients without an acknowledgement by an event', async () => {
    const anonymous = await instance.connect();
    const alice = await instance.connect({ token: 'alice' });
    anonymous.emit('guarded', 'this');
    await anonymous.waitFor('exception');
    await cluster.settled(anonymous, alice);
    expect(anonymous.received).toEqual([{ event: 'exception', args: [REFUSED] }]);
    expect(alice.received).toEqual([]);
    expect(handled).toEqual([]);
  });

  it('guards a single handler, also without the filter', async () => {
    const anonymous = await instance.connect({ namespace: '/mixed' });
    expect(await anonymous.ask('open', 'that')).toBe('that');
    anonymous.emit('guarded', 'this');
    expect(await anonymous.waitFor('exception')).toEqual([REFUSED]);
    const alice = await instance.connect({ token: 'alice', namespace: '/mixed' });
    expect(await alice.ask('guarded', 'that')).toBe('handled that');
    expect(handled).toEqual(['that']);
  });

  it('refuses clients whose identity has expired, and those that have logged out', async () => {
    const alice = await instance.connect({ token: 'alice' });
    await alice.ask('expire', Date.now() + 3_600_000);
    expect(await alice.ask('guarded', 'this')).toBe('handled this');
    await alice.ask('expire', Date.now());
    expect(await alice.ask('guarded', 'that')).toEqual(REFUSED);
    const bob = await instance.connect({ token: 'bob' });
    await bob.ask('log out');
    expect(await bob.ask('guarded', 'that')).toEqual(REFUSED);
    expect(handled).toEqual(['this']);
  });

  it('accepts no HTTP request, and says why', async () => {
    const { status } = await fetch(`${instance.url}/guarded`);
    expect(status).toBe(500);
    expect(handled).toEqual([]);

    const context = { getType: () => 'http' } as unknown as ExecutionContext;
    expect(() => new WsAuthGuard().canActivate(context)).toThrow(
      expect.objectContaining({
        name: 'PropagatorError',
        code: 'context.not-ws',
        message: expect.stringContaining('WsAuthGuard was called in a context of type "http"'),
      }),
    );
  });
});
