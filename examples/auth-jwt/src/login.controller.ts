import { Body, Controller, HttpCode, Post, UnauthorizedException } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { JwtService } from '@nestjs/jwt';
import { randomUUID } from 'node:crypto';
import { isDemoUser } from './demo-users.js';
import { FOR_REFRESH, FOR_SOCKETS, identityOf } from './tokens.js';

const SECONDS_OF_A_WEEK = 7 * 24 * 60 * 60;

@Controller()
export class LoginController {
  private readonly tokenSeconds: number;

  constructor(
    private readonly jwt: JwtService,
    config: ConfigService,
  ) {
    this.tokenSeconds = Number(config.get('TOKEN_SECONDS', '300'));
  }

  @Post('login')
  @HttpCode(200)
  async logIn(@Body('name') name: unknown, @Body('password') password: unknown) {
    if (!isDemoUser(name, password)) throw new UnauthorizedException();
    // All tokens of this login belong to one session.
    const sid = randomUUID();
    return {
      token: await this.socketToken(name, sid),
      refreshToken: await this.issue(name, sid, FOR_REFRESH, SECONDS_OF_A_WEEK),
    };
  }

  /** Issues a new token for a logged-in user. A real app checks here whether the user is still allowed in. */
  @Post('refresh')
  @HttpCode(200)
  async refresh(@Body('refreshToken') refreshToken: string) {
    const identity = await identityOf(this.jwt, refreshToken, FOR_REFRESH);
    if (identity === null) throw new UnauthorizedException();
    return { token: await this.socketToken(identity.userId, identity.sid) };
  }

  private socketToken(userId: string, sid: string | undefined): Promise<string> {
    return this.issue(userId, sid, FOR_SOCKETS, this.tokenSeconds);
  }

  private issue(
    subject: string,
    sid: string | undefined,
    audience: string,
    expiresIn: number,
  ): Promise<string> {
    return this.jwt.signAsync({ sid }, { subject, audience, expiresIn });
  }
}
