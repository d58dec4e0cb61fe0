import { describe, expect, it } from '@jest/globals';
import { SubscriptionSet } from '../../../src/redis/subscription-set.js';

/** Sends the commands of one round and returns them. */
function round(channels: SubscriptionSet): string[] {
  const commands: string[] = [];
  for (const name of channels.takeChanges()) {
    const command = channels.commandFor(name);
    if (command === undefined) continue;
    commands.push(`${command} ${name}`);
    if (command === 'subscribe') channels.request(name);
    else channels.ended(name);
  }
  return commands;
}

/** Of a connection on which Redis has confirmed these channels. */
function confirmed(...names: string[]): SubscriptionSet {
  const channels = new SubscriptionSet();
  for (const name of names) channels.want(name);
  channels.opened();
  round(channels);
  for (const name of names) expect(channels.confirm(name)).toBe(true);
  channels.settled();
  return channels;
}

describe('the channels of a subscribed connection', () => {
  it('are all requested on a new connection, and only changed ones afterwards', () => {
    const channels = new SubscriptionSet();
    channels.want('a');
    channels.want('b');
    expect(channels.hasChanges).toBe(false);
    channels.opened();
    expect(channels.hasChanges).toBe(true);
    expect(round(channels)).toEqual(['subscribe a', 'subscribe b']);
    expect(channels.hasChanges).toBe(false);

    expect(channels.want('c')).toBe(false);
    channels.touch('c');
    expect(round(channels)).toEqual(['subscribe c']);
  });

  it('are confirmed only after a request', () => {
    const channels = confirmed('a');
    expect(channels.isConfirmed('a')).toBe(true);
    expect(channels.want('a')).toBe(true);
    expect(channels.confirm('b')).toBe(false);
    expect(channels.isConfirmed('b')).toBe(false);
  });

  it('need no command if they are released and wanted again within one round', () => {
    const channels = confirmed('a');
    expect(channels.release('a')).toBe(true);
    channels.touch('a');
    expect(channels.want('a')).toBe(true);
    expect(round(channels)).toEqual([]);
    expect(channels.release('b')).toBe(false);
  });

  it('are not confirmed by a reply that an UNSUBSCRIBE has overtaken', () => {
    const channels = new SubscriptionSet();
    channels.want('a');
    channels.opened();
    round(channels);
    channels.release('a');
    channels.touch('a');
    expect(round(channels)).toEqual(['unsubscribe a']);
    channels.want('a');
    expect(channels.confirm('a')).toBe(false);
  });

  it('leave changes during a round for the next one', () => {
    const channels = confirmed('a', 'b');
    for (const name of ['a', 'b']) {
      channels.release(name);
      channels.touch(name);
    }
    const changes = channels.takeChanges();
    channels.touch('c');
    expect([...changes]).toEqual(['a', 'b']);
    expect(channels.hasChanges).toBe(true);
    expect([...channels.takeChanges()]).toEqual(['c']);
  });

  // An app's own client subscribes them again when it reconnects.
  it('that were released while the connection was lost are unsubscribed on the next one', () => {
    const channels = confirmed('a', 'b');
    channels.lost();
    expect(channels.isConfirmed('a')).toBe(false);
    channels.release('b');
    // A second failed attempt in between changes nothing.
    channels.lost();
    channels.opened();
    expect(round(channels)).toEqual(['subscribe a', 'unsubscribe b']);
    channels.settled();
    channels.lost();
    channels.opened();
    expect(round(channels)).toEqual(['subscribe a']);
  });

  it('that Redis has ended by itself are named, unless they are no longer wanted', () => {
    const channels = confirmed('a', 'b', 'c');
    channels.release('b');
    expect(channels.lostAllBut(new Set(['c']))).toEqual(['a']);
    expect(channels.isRequested('a')).toBe(false);
    expect(channels.isRequested('b')).toBe(false);
    expect(channels.isConfirmed('c')).toBe(true);
  });

  it('that move to another connection are forgotten without a command', () => {
    const channels = confirmed('a', 'b');
    channels.touch('a');
    channels.drop('a');
    expect(round(channels)).toEqual([]);
    expect(channels.isWanted('a')).toBe(false);
    channels.lost();
    expect([...channels.releaseAll()]).toEqual(['b']);
    expect(channels.isNeeded).toBe(false);
  });
});
