import { Injectable } from '@nestjs/common';
import { PresenceService } from 'nestjs-redis-propagator';
import {
  STATUSES,
  type PresenceChange,
  type PresenceEntry,
  type Status,
} from '../../shared/model.js';
import { userOf } from '../auth/demo-users.js';
import { Devices } from './devices.js';

/** With more users a page would show those of a contact list, and ask only for these. */
const MOST_USERS = 100;

@Injectable()
export class WhoIsOnline {
  constructor(
    private readonly presence: PresenceService,
    private readonly devices: Devices,
  ) {}

  async list(): Promise<PresenceEntry[]> {
    const { userIds } = await this.presence.onlineUsers({ limit: MOST_USERS });
    const entries = await Promise.all(userIds.toSorted().map((userId) => this.entry(userId)));
    return entries.map(({ user, status, sessions }) => ({ user, status, sessions }));
  }

  /** The current state of one user. */
  async entry(userId: string): Promise<PresenceChange> {
    const [online, status, sessions] = await Promise.all([
      this.presence.isOnline(userId),
      this.presence.statusOf(userId),
      this.devices.of(userId),
    ]);
    return { user: userOf(userId), online, status: statusIn(status), sessions };
  }
}

function statusIn(text: string | null): Status {
  return STATUSES.find((status) => status === text) ?? 'available';
}
