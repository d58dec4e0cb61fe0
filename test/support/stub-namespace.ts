import type { Socket } from 'socket.io';
import * as standardParser from 'socket.io-parser';
import type { Delivery, LocalNamespace, PacketCodec } from '../../src/routing/local-namespace.js';
import { codecOf } from '../../src/routing/packet-codec.js';

/** A namespace without real sockets. A subclass says what becomes of a delivery; everything else has no effect. */
export abstract class StubNamespace implements LocalNamespace {
  readonly codec: PacketCodec = codecOf(standardParser);
  readonly socketCount = 1;

  constructor(readonly name: string) {}

  abstract deliver(delivery: Delivery): number;

  select(): Socket[] {
    return [];
  }

  selectWithArriving(): Socket[] {
    return [];
  }

  leaveAway(): void {}

  endAway(): void {}

  identityOf(): undefined {}

  roomNames(): string[] {
    return [];
  }

  ask(): ReturnType<LocalNamespace['ask']> {
    return { socketIds: [], done: Promise.resolve() };
  }

  onServerSideEmit(_args: unknown[]): void {}
}
