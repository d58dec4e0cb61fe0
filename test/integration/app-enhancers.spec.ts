import {
  BadRequestException,
  ClassSerializerInterceptor,
  Controller,
  Get,
  Injectable,
  NotFoundException,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import {
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
  type WsResponse,
} from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Exclude } from 'class-transformer';
import type { Observable } from 'rxjs';
import {
  Propagate,
  PropagatorExceptionFilter,
  RedisPropagatorInterceptor,
  type AuthenticatedSocket,
} from '../../src/index.js';
import { hostileValues } from '../support/hostile-values.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { untilMembersKnown } from '../support/members.js';
import { connectSampleClients } from '../support/sample-clients.js';
import { until } from '../support/until.js';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

class User {
  name = 'Alice';
  @Exclude()
  password = 'hunter2';
}

const contexts = new Set<string>();

@Injectable()
class AnyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    contexts.add(context.getType());
    return true;
  }
}

const THROWN = new Map<unknown, () => unknown>([
  ['an HttpException', () => new BadRequestException(['name must be a string'])],
  ['a WsException', () => new WsException('not yours')],
  ['an error', () => new Error('password=hunter2')],
  ['text', () => 'password=hunter2'],
  ['null', () => null],
  ...hostileValues.map(([name, make]) => [name, make] as const),
]);

@Injectable()
class ThrowingPipe implements PipeTransform {
  transform(value: unknown): unknown {
    const make = THROWN.get(value);
    if (make === undefined) return value;
    throw make();
  }
}

@Propagate('all')
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class UserGateway {
  @SubscribeMessage('user')
  user(): WsResponse<User> {
    return { event: 'user', data: new User() };
  }
}

@UsePipes(ThrowingPipe)
@UseFilters(PropagatorExceptionFilter)
@Propagate('all')
@UseInterceptors(ClassSerializerInterceptor, RedisPropagatorInterceptor)
@WebSocketGateway()
class CheckedGateway {
  @SubscribeMessage('user')
  user(@MessageBody() _data: unknown): WsResponse<User> {
    return { event: 'user', data: new User() };
  }
}

@Controller()
class UserController {
  @Get('user')
  user(): User {
    return new User();
  }

  @Get('missing')
  missing(): never {
    throw new NotFoundException('no such user');
  }

  @Get('broken')
  broken(): never {
    throw new Error('password=hunter2');
  }
}

describe('an app that binds its enhancers for all contexts', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it.each(['websocket', 'polling'])(
    'shows others what the asking client sees, and its HTTP requests are not changed, over %s',
    async (transport) => {
      contexts.clear();
      cluster = await givenCluster()
        .with(
          UserGateway,
          { provide: APP_INTERCEPTOR, useClass: ClassSerializerInterceptor },
          { provide: APP_INTERCEPTOR, useClass: RedisPropagatorInterceptor },
          { provide: APP_GUARD, useClass: AnyGuard },
          { provide: APP_PIPE, useClass: ThrowingPipe },
          { provide: APP_FILTER, useClass: PropagatorExceptionFilter },
        )
        .withControllers(UserController)
        .start();
      const { origin, everybody } = await connectSampleClients(cluster, {
        transports: [transport],
      });

      origin.emit('user');
      await origin.waitFor('user');
      await cluster.settled(...everybody);
      // Nest 11 applies these enhancers to no gateway.
      const seen = contexts.has('ws') ? { name: 'Alice' } : { name: 'Alice', password: 'hunter2' };
      for (const { received } of everybody)
        expect(received).toEqual([{ event: 'user', args: [seen] }]);

      const { url } = cluster.instance(0);
      const get = async (path: string): Promise<unknown> => {
        const response = await fetch(`${url}/${path}`);
        return [response.status, await response.json()];
      };
      expect(await get('user')).toEqual([200, { name: 'Alice' }]);
      expect(await get('missing')).toMatchObject([404, { message: 'no such user' }]);
      expect(await get('broken')).toMatchObject([500, { message: 'Internal server error' }]);
    },
  );

  it.each(['websocket', 'polling'])(
    'answers a client whose message a pipe refuses, whatever it throws, and shows others nothing, over %s',
    async (transport) => {
      cluster = await givenCluster().of(1).with(CheckedGateway).start();
      const { origin, everybody } = await connectSampleClients(cluster, {
        transports: [transport],
      });

      expect(await origin.ask('user', 'an HttpException')).toMatchObject({
        status: 'error',
        message: ['name must be a string'],
      });
      expect(await origin.ask('user', 'a WsException')).toMatchObject({ message: 'not yours' });
      for (const name of THROWN.keys()) {
        const answer = await origin.ask('user', name);
        expect([name, answer]).toEqual([name, expect.objectContaining({ status: 'error' })]);
        expect(JSON.stringify(answer)).not.toContain('hunter2');
      }
      await cluster.settled(...everybody);
      for (const { received } of everybody) expect(received).toEqual([]);

      origin.emit('user', 'fine');
      await origin.waitFor('user');
      await cluster.settled(...everybody);
      for (const { received } of everybody) {
        expect(received).toEqual([{ event: 'user', args: [{ name: 'Alice' }] }]);
      }
    },
  );

  it('propagates the response to a client that leaves while a guard or an interceptor is at work', async () => {
    const refused: string[] = [];
    const leaveAt = async (place: string, context: ExecutionContext): Promise<boolean> => {
      const [socket, data] = context.getArgs<[AuthenticatedSocket, string]>();
      if (!data.includes(place)) return true;
      socket.disconnect(true);
      await nextTurn();
      if (data.startsWith('refusing')) refused.push(data);
      return !data.startsWith('refusing');
    };
    class LeavingGuard implements CanActivate {
      canActivate(context: ExecutionContext): Promise<boolean> {
        return leaveAt('guard', context);
      }
    }
    class LeavingInterceptor implements NestInterceptor {
      async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
        await leaveAt('interceptor', context);
        return next.handle();
      }
    }
    class Handlers {
      @SubscribeMessage('leave')
      leave(@MessageBody() place: string): WsResponse<string> {
        return { event: 'left', data: place };
      }
    }
    @Propagate('all')
    @UseGuards(LeavingGuard)
    @UseInterceptors(LeavingInterceptor, RedisPropagatorInterceptor)
    @WebSocketGateway()
    class LeavingGateway extends Handlers {}
    @UseGuards(LeavingGuard)
    @WebSocketGateway({ namespace: 'plain' })
    class PlainGateway extends Handlers {}
    cluster = await givenCluster().with(LeavingGateway, PlainGateway).start();
    const watching = await Promise.all(
      ['/', '/plain'].map((namespace) => cluster.instance(1).connect({ namespace })),
    );

    const places = ['guard', 'refusing guard', 'interceptor'];
    for (const namespace of ['/plain', '/']) {
      for (const place of places.slice(0, namespace === '/' ? 3 : 2)) {
        const client = await cluster.instance(0).connect({ namespace });
        client.emit('leave', place);
        await until(
          () => !client.socket.connected,
          () => `the ${place} to end the connection`,
        );
      }
    }

    await watching[0]?.waitFor('left', 2);
    await cluster.settled(...watching);
    expect(watching.map((client) => client.data('left'))).toEqual([['guard', 'interceptor'], []]);
    expect(refused).toHaveLength(2);
    expect(cluster.instance(0).counts).toEqual({});
  });

  it.each(['websocket', 'polling'])(
    'gets the acknowledgement of a client that leaves right after it, over %s',
    async (transport) => {
      cluster = await givenCluster().with(UserGateway).start();
      await untilMembersKnown(cluster);
      const asked = await cluster.instance(0).connect({ token: 'bob', transports: [transport] });
      asked.socket.on('question', (answer: (text: string) => void) => {
        answer('now');
        asked.close();
      });
      const { items, unanswered, complete } = await cluster
        .instance(1)
        .propagator.requestUser({ userId: 'bob', event: 'question', timeoutMs: 600_000 });
      expect(items.map(({ answer }) => answer)).toEqual(['now']);
      expect({ unanswered, complete }).toEqual({ unanswered: [], complete: true });
    },
  );
});
