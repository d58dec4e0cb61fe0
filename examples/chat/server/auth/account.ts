import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';

/**
 * The user and the login of a token. It is `socket.auth` in gateways and, by `BearerGuard`, `@RequestAccount()` in
 * controllers.
 */
export type Account = {
  userId: string;
  /** The same in all tokens of one login: a logout ends them all. */
  sessionId: string;
  /** In seconds, as in every JSON Web Token. The library disconnects the sockets at that time. */
  exp: number;
  iat: number;
};

export type RequestWithAccount = IncomingMessage & { account?: Account };

export const RequestAccount = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Account => {
    const { account } = context.switchToHttp().getRequest<RequestWithAccount>();
    if (account === undefined) throw new Error('The route lacks @UseGuards(BearerGuard)');
    return account;
  },
);
