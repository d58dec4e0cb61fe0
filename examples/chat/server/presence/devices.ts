import { Injectable } from '@nestjs/common';
import { SessionService, type SessionDetails } from 'nestjs-redis-propagator';
import type { Device } from '../../shared/model.js';
import { InstanceReports } from '../cluster/instance-reports.js';

@Injectable()
export class Devices {
  constructor(
    private readonly sessions: SessionService,
    private readonly instances: InstanceReports,
  ) {}

  /** The tabs of a user, the oldest first. Each has one socket in `/presence`. */
  async of(userId: string): Promise<Device[]> {
    const { items } = await this.sessions.sessions(userId, { namespace: '/presence' });
    const devices = items.map(async (item) => ({
      device: deviceOf(item),
      instance: await this.instances.nameOf(item.instanceId),
      connectedAt: item.connectedAt,
    }));
    return (await Promise.all(devices)).toSorted((a, b) => a.connectedAt - b.connectedAt);
  }
}

/** The device as named by the client: shown to people, and never trusted. */
export function deviceOf({ metadata, userAgent }: SessionDetails): string {
  const device = metadata?.device;
  const text = typeof device === 'string' && device !== '' ? device : (userAgent ?? 'a client');
  return text.slice(0, 60);
}
