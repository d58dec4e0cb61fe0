import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';

/**
 * Whose token it is, and of which login. It is `socket.auth` of the gateways and, by `BearerGuard`, `@RequestAccount()`
 * of the controllers.
 */
export type Account = {
  userId: string;
  /** All tokens that come of one login have the same: a log-out ends them all. */
  sessionId: string;
  /** In seconds, as in every JSON Web Token. The library disconnects the sockets then. */
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
