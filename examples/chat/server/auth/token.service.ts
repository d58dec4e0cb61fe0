import { Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import type { LoginResponse } from '../../shared/http.js';
import { Config } from '../config.js';
import type { Account } from './account.js';
import { userOf } from './demo-users.js';
import { LoggedOut } from './logged-out.js';

const ISSUER = 'chat.example';

/** The algorithm with which `@nestjs/jwt` signs, and the only one it accepts. */
export const jwtOptions = ({ jwtSecret }: Config) => ({
  secret: jwtSecret,
  signOptions: { algorithm: 'HS256' as const, issuer: ISSUER },
  // The algorithm by name: a token must not choose how it is verified.
  verifyOptions: { algorithms: ['HS256' as const], issuer: ISSUER },
});

interface Claims {
  sub?: string;
  sid?: string;
  iat?: number;
  exp?: number;
}

@Injectable()
export class TokenService {
  constructor(
    private readonly jwt: JwtService,
    private readonly loggedOut: LoggedOut,
    private readonly config: Config,
  ) {}

  async issue(userId: string, sessionId: string): Promise<LoginResponse> {
    const issuedAt = Math.floor(Date.now() / 1000);
    const exp = issuedAt + this.config.tokenSeconds;
    const token = await this.jwt.signAsync({ sub: userId, sid: sessionId, iat: issuedAt, exp });
    return { token, user: userOf(userId), expiresAt: exp * 1000 };
  }

  /** `null` for a token that is not valid, or whose login has been logged out. */
  async accountOf(token: string): Promise<Account | null> {
    const claims = await this.jwt.verifyAsync<Claims>(token).catch(() => null);
    if (claims === null) return null;
    const { sub, sid, iat, exp } = claims;
    // A token without one of these was not issued here, whoever signed it.
    if (sub === undefined || sid === undefined || iat === undefined || exp === undefined) {
      return null;
    }
    if (await this.loggedOut.has(sid)) return null;
    return { userId: sub, sessionId: sid, iat, exp };
  }
}
