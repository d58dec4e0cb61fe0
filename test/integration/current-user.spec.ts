import {
  BadRequestException,
  Controller,
  Get,
  Injectable,
  UseFilters,
  type PipeTransform,
} from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  CurrentUser,
  PropagatorExceptionFilter,
  type AuthenticatedIdentity,
} from '../../src/index.js';
import { JSON_TOKENS, tokenFor } from '../support/json-tokens.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import type { TestInstance } from '../support/test-instance.js';

@Injectable()
class Users {
  nameOf(userId: string): string {
    return userId.toUpperCase();
  }
}

@Injectable()
class NamePipe implements PipeTransform<string | null, string> {
  constructor(private readonly users: Users) {}

  transform(userId: string | null): string {
    if (userId === null) throw new BadRequestException('who are you?');
    return this.users.nameOf(userId);
  }
}

class RolesPipe implements PipeTransform<AuthenticatedIdentity | null, unknown> {
  transform(user: AuthenticatedIdentity | null): unknown {
    return user?.['roles'] ?? [];
  }
}

@UseFilters(PropagatorExceptionFilter)
@WebSocketGateway()
class UserGateway {
  @SubscribeMessage('user')
  user(@MessageBody() text: string, @CurrentUser() user: AuthenticatedIdentity | null): unknown {
    return { text, user };
  }

  @SubscribeMessage('claims')
  claims(
    @CurrentUser('userId') userId: string | null,
    @CurrentUser('tenant') tenant: object | null,
    @CurrentUser('no such claim') none: undefined | null,
  ): unknown {
    return [userId, tenant, none === undefined ? 'undefined' : none];
  }

  @SubscribeMessage('name')
  name(@CurrentUser('userId', NamePipe) name: string): string {
    return name;
  }

  @SubscribeMessage('roles')
  roles(@CurrentUser(new RolesPipe()) roles: string[]): string[] {
    return roles;
  }
}

@Controller()
class UserController {
  @Get('user')
  user(@CurrentUser() user: AuthenticatedIdentity | null): unknown {
    return { user };
  }
}

describe('@CurrentUser()', () => {
  let cluster: TestCluster;
  let instance: TestInstance;
  beforeEach(async () => {
    cluster = await givenCluster()
      .of(1)
      .with(UserGateway, NamePipe, Users)
      .withControllers(UserController)
      .configured({ auth: JSON_TOKENS })
      .start();
    instance = cluster.instance(0);
  });
  afterEach(() => cluster.close());

  const alice = () =>
    instance.connect({
      token: tokenFor({ userId: 'alice', tenant: { id: 7 }, roles: ['admin'] }),
    });

  it('is the user who sent the message', async () => {
    expect(await (await alice()).ask('user', 'hello')).toEqual({
      text: 'hello',
      user: expect.objectContaining({ userId: 'alice', tenant: { id: 7 }, roles: ['admin'] }),
    });
    const bob = await instance.connect({ token: tokenFor({ userId: 42 }) });
    expect(await bob.ask('user', 'hello')).toMatchObject({ user: { userId: '42' } });
  });

  it('can be a claim, by its name', async () => {
    expect(await (await alice()).ask('claims')).toEqual(['alice', { id: 7 }, 'undefined']);
  });

  it('is null for an anonymous client, for any claim', async () => {
    const anonymous = await instance.connect();
    expect(await anonymous.ask('user', 'hello')).toEqual({ text: 'hello', user: null });
    expect(await anonymous.ask('claims')).toEqual([null, null, null]);
    expect(await anonymous.ask('roles')).toEqual([]);
  });

  it('passes through pipes, with injected dependencies', async () => {
    const client = await alice();
    expect(await client.ask('name')).toBe('ALICE');
    expect(await client.ask('roles')).toEqual(['admin']);
    expect(await (await instance.connect()).ask('name')).toMatchObject({
      status: 'error',
      message: 'who are you?',
    });
  });

  it('throws outside of gateways, with the reason', async () => {
    const { status } = await fetch(`${instance.url}/user`);
    expect(status).toBe(500);
  });
});
