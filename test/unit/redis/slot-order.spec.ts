import { beforeEach, describe, expect, it } from '@jest/globals';
import { SlotOrder } from '../../../src/redis/slot-order.js';

describe('the order of a channel whose slot moves to another node', () => {
  let node: string | undefined;
  let order: SlotOrder;
  let sent: string[];
  let settle: Map<string, () => void>;
  beforeEach(() => {
    node = 'a';
    order = new SlotOrder(() => node);
    sent = [];
    settle = new Map();
  });

  const publish = (name: string, channel = 'x'): void =>
    order.enter(channel, (settled) => {
      sent.push(`${name} to ${String(node)}`);
      settle.set(name, settled);
    });
  const end = (...names: string[]): void => {
    for (const name of names) settle.get(name)?.();
  };

  it('is the order of the calls: nothing waits while the node stays the same', () => {
    for (const name of ['1', '2', '3']) publish(name);
    expect(sent).toEqual(['1 to a', '2 to a', '3 to a']);
  });

  it('makes a publish to another node wait until all publishes in flight have ended', () => {
    publish('1');
    publish('2');
    node = 'b';
    publish('3');
    publish('4');
    publish('other', 'y');
    end('2');
    expect(sent).toEqual(['1 to a', '2 to a', 'other to b']);
    end('1');
    expect(sent).toEqual(['1 to a', '2 to a', 'other to b', '3 to b', '4 to b']);
    publish('5');
    expect(sent).toHaveLength(6);
  });

  it('makes later publishes wait as well, even if the slot has moved back', () => {
    publish('1');
    node = 'b';
    publish('2');
    node = 'a';
    publish('3');
    expect(sent).toEqual(['1 to a']);
    end('1');
    expect(sent).toEqual(['1 to a', '2 to a', '3 to a']);
  });

  it('is kept if a waiting publish ends at once', () => {
    publish('1');
    node = 'b';
    order.enter('x', (settled) => settled());
    order.enter('x', (settled) => settled());
    publish('2');
    node = 'c';
    end('1');
    node = 'd';
    publish('3');
    expect(sent).toEqual(['1 to a', '2 to c']);
    end('2');
    expect(sent).toEqual(['1 to a', '2 to c', '3 to d']);
  });

  it('leaves nothing behind', () => {
    publish('1');
    node = 'b';
    publish('2');
    end('1', '2');
    expect((order as unknown as { routes: Map<string, unknown> }).routes.size).toBe(0);
  });
});
