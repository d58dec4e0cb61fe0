import { describe, expect, it } from '@jest/globals';
import { RedisPropagatorService } from '../../../src/index.js';
import { RecordingPropagator } from '../../../src/testing/index.js';

/** A service of an app under test. */
class OrdersService {
  constructor(private readonly propagator: RedisPropagatorService) {}

  async ship(userId: string): Promise<'told' | 'offline'> {
    const { reached } = await this.propagator.emitToUser({ userId, event: 'shipped', data: 1 });
    return reached ? 'told' : 'offline';
  }
}

describe('RecordingPropagator', () => {
  it('replaces the service: it records the call and reports that no user is online', async () => {
    const propagator = new RecordingPropagator();
    expect(await new OrdersService(propagator.asService()).ship('42')).toBe('offline');
    expect(propagator.calls).toEqual([
      { verb: 'emitToUser', event: { userId: '42', event: 'shipped', data: 1 } },
    ]);
  });

  it('returns the receipt that a test sets', async () => {
    const propagator = new RecordingPropagator();
    propagator.receipt = { localSockets: 0, remoteInstances: 2, reached: true };
    expect(await new OrdersService(propagator.asService()).ship('42')).toBe('told');
  });

  it('records every verb, in order, with its arguments', async () => {
    const propagator = new RecordingPropagator();
    const service = propagator.asService();
    const event = { event: 'x', data: 1 };
    await service.emitToAll(event);
    await service.emitToAuthenticated({ ...event, namespace: '/chat' });
    await service.emitToRoom({ ...event, room: 'r' });
    await service.requestUser({ ...event, userId: 1 });
    await service.fetchUserSockets(1);
    await service.joinUser(1, 'r');
    await service.leaveUser(1, ['r', 's'], { namespace: '/chat' });
    await service.disconnectUser(1, { reason: 'logout' });
    await service.of('/chat').emitToAll(event);
    expect(propagator.calls).toEqual([
      { verb: 'emitToAll', event },
      { verb: 'emitToAuthenticated', event: { ...event, namespace: '/chat' } },
      { verb: 'emitToRoom', event: { ...event, room: 'r' } },
      { verb: 'requestUser', event: { ...event, userId: 1 } },
      { verb: 'fetchUserSockets', userId: 1, options: {} },
      { verb: 'joinUser', userId: 1, rooms: ['r'], options: {} },
      { verb: 'leaveUser', userId: 1, rooms: ['r', 's'], options: { namespace: '/chat' } },
      { verb: 'disconnectUser', userId: 1, options: { reason: 'logout' } },
      { verb: 'emitToAll', event: { ...event, namespace: '/chat' } },
    ]);
  });

  it('responds like the service if no user is online', async () => {
    const service = new RecordingPropagator().asService();
    const nobody = { items: [], missing: [], complete: true };
    expect(await service.requestUser({ userId: 1, event: 'x' })).toEqual({
      ...nobody,
      unanswered: [],
    });
    expect(await service.fetchUserSockets(1)).toEqual(nobody);
    expect(await service.joinUser(1, 'r')).toEqual({ count: 0, missing: [], complete: true });
  });

  it('returns a receipt for each of several users, by the id as a string', async () => {
    const propagator = new RecordingPropagator();
    const { users, reached } = await propagator.emitToUsers({ userIds: [1, '2'], event: 'x' });
    expect([...users.keys()]).toEqual(['1', '2']);
    expect([...users.values()]).toEqual([propagator.receipt, propagator.receipt]);
    expect(reached).toBe(false);
  });

  it.each([
    ['alice', true],
    [0, true],
    ['', false],
    [null, false],
    [undefined, false],
  ])('says for an event caused by the user %j whether there is one', async (userId, propagated) => {
    const propagator = new RecordingPropagator();
    expect(await propagator.propagateEvent({ userId, event: 'x' })).toBe(propagated);
    expect(propagator.calls).toEqual([{ verb: 'propagateEvent', event: { userId, event: 'x' } }]);
  });
});
