import {
  Injectable,
  UnauthorizedException,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import type { RequestWithAccount } from './account.js';
import { TokenService } from './token.service.js';

/** Guards HTTP routes. Sockets are authenticated by the library itself. */
@Injectable()
export class BearerGuard implements CanActivate {
  constructor(private readonly tokens: TokenService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<RequestWithAccount>();
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
    const account = token === undefined ? null : await this.tokens.accountOf(token);
    if (account === null) throw new UnauthorizedException();
    request.account = account;
    return true;
  }
}
