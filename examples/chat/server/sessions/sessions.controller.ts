import {
  Controller,
  Delete,
  Get,
  HttpCode,
  NotFoundException,
  Param,
  Post,
  UseGuards,
} from '@nestjs/common';
import { SessionService } from 'nestjs-redis-propagator';
import type { SessionView } from '../../shared/http.js';
import { InstanceReports } from '../cluster/instance-reports.js';
import { deviceOf } from '../presence/devices.js';
import { RequestAccount, type Account } from '../auth/account.js';
import { BearerGuard } from '../auth/bearer.guard.js';
import { LoggedOut } from '../auth/logged-out.js';

/** Lists the logins of a user, and ends them. */
@UseGuards(BearerGuard)
@Controller('auth')
export class SessionsController {
  constructor(
    private readonly sessions: SessionService,
    private readonly loggedOut: LoggedOut,
    private readonly instances: InstanceReports,
  ) {}

  @Get('sessions')
  async list(@RequestAccount() account: Account): Promise<SessionView[]> {
    const views = new Map<string, SessionView>();
    const { items } = await this.sessions.sessions(account.userId);
    // An item is a socket: a login has one for each tab and namespace.
    for (const item of items.toSorted((a, b) => a.connectedAt - b.connectedAt)) {
      const id = item.sessionId;
      const view = views.get(id) ?? {
        id,
        device: deviceOf(item),
        instances: [],
        connectedAt: item.connectedAt,
        current: id === account.sessionId,
      };
      const instance = await this.instances.nameOf(item.instanceId);
      if (!view.instances.includes(instance)) view.instances.push(instance);
      views.set(id, view);
    }
    return [...views.values()];
  }

  @Post('logout')
  @HttpCode(204)
  async logOut(@RequestAccount() { sessionId }: Account): Promise<void> {
    await this.end(sessionId);
  }

  @Delete('sessions/:id')
  @HttpCode(204)
  async logOutOther(@RequestAccount() account: Account, @Param('id') id: string): Promise<void> {
    // The owner has to be checked, because revokeSession ends any session.
    const { items } = await this.sessions.sessions(account.userId);
    if (!items.some(({ sessionId }) => sessionId === id)) throw new NotFoundException();
    await this.end(id);
  }

  private async end(sessionId: string): Promise<void> {
    // In this order, because a disconnected client tries to reconnect at once.
    await this.loggedOut.add(sessionId);
    await this.sessions.revokeSession(sessionId, { reason: 'logged out' });
  }
}
