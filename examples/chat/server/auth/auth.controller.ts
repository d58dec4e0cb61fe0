import { Body, Controller, HttpCode, Post, UnauthorizedException, UseGuards } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { LoginResponse } from '../../shared/http.js';
import { RequestAccount, type Account } from './account.js';
import { BearerGuard } from './bearer.guard.js';
import { userWith } from './demo-users.js';
import { LoginDto } from './login.dto.js';
import { TokenService } from './token.service.js';

@Controller('auth')
export class AuthController {
  constructor(private readonly tokens: TokenService) {}

  @Post('login')
  @HttpCode(200)
  async logIn(@Body() { name, password }: LoginDto): Promise<LoginResponse> {
    const user = userWith(name, password);
    // One reply for both cases, so that nobody can find out which names exist.
    if (user === undefined) throw new UnauthorizedException('Wrong name or password');
    return this.tokens.issue(user.id, randomUUID());
  }

  /** Issues a new token for the same login. A real app checks here whether the user is still allowed in. */
  @Post('refresh')
  @HttpCode(200)
  @UseGuards(BearerGuard)
  refresh(@RequestAccount() { userId, sessionId }: Account): Promise<LoginResponse> {
    return this.tokens.issue(userId, sessionId);
  }
}
