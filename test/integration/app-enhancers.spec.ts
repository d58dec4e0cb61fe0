import {
  BadRequestException,
  ClassSerializerInterceptor,
  Controller,
  Get,
  Injectable,
  NotFoundException,
  UseFilters,
  UseInterceptors,
  UsePipes,
  type CanActivate,
  type ExecutionContext,
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
import {
  Propagate,
  PropagatorExceptionFilter,
  RedisPropagatorInterceptor,
  type AuthenticatedSocket,
} from '../../src/index.js';
import { hostileValues } from '../support/hostile-values.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { connectSampleClients } from '../support/sample-clients.js';

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

  it('lets a client leave in the middle of a guard, a pipe and an acknowledgement', async () => {
    const left: string[] = [];
    const leave = (socket: AuthenticatedSocket, where: string): void => {
      left.push(where);
      socket.disconnect(true);
    };
    class LeavingGuard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        const [socket, data] = context.getArgs<[AuthenticatedSocket, unknown]>();
        if (data === 'guard') leave(socket, 'guard');
        return true;
      }
    }
    class LeavingInterceptor {
      intercept(context: ExecutionContext, next: { handle(): never }): never {
        const [socket, data] = context.getArgs<[AuthenticatedSocket, unknown]>();
        if (data === 'interceptor') leave(socket, 'interceptor');
        return next.handle();
      }
    }
    @Propagate('all')
    @UseInterceptors(LeavingInterceptor, RedisPropagatorInterceptor)
    @WebSocketGateway()
    class LeavingGateway {
      @SubscribeMessage('user')
      user(@MessageBody() where: string): WsResponse<string> {
        return { event: 'left', data: where };
      }
    }
    cluster = await givenCluster()
      .with(LeavingGateway, { provide: APP_GUARD, useClass: LeavingGuard })
      .start();
    const watching = await cluster.instance(1).connect();
    for (const where of ['guard', 'interceptor']) {
      const leaving = await cluster.instance(0).connect({ token: 'alice' });
      leaving.emit('user', where);
      await watching.waitFor('left', where === 'guard' ? 1 : 2);
    }
    const asked = await cluster.instance(0).connect({ token: 'bob' });
    asked.socket.on('question', (answer: (text: string) => void) => {
      answer('now');
      asked.close();
    });
    const { items, complete } = await cluster
      .instance(1)
      .propagator.requestUser({ userId: 'bob', event: 'question' });
    expect({ answers: items.map(({ answer }) => answer), complete }).toEqual({
      answers: ['now'],
      complete: true,
    });
    await cluster.settled(watching);
    expect(watching.data('left')).toEqual(['guard', 'interceptor']);
    expect(cluster.logger.matching(/^error /)).toEqual([]);
  });
});
