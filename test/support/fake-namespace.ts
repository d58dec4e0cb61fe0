import * as standardParser from 'socket.io-parser';
import type { Delivery, LocalNamespace, PacketCodec } from '../../src/routing/local-namespace.js';
import { codecOf } from '../../src/routing/packet-codec.js';

/** A namespace that records its deliveries, and counts the packets that are encoded for it. */
export class FakeNamespace implements LocalNamespace {
  readonly deliveries: Delivery[] = [];
  readonly codec: PacketCodec;
  readonly socketCount = 1;
  encoded = 0;

  constructor(
    readonly name: string,
    /** Called with each delivery. */
    private readonly onDelivery: () => void = () => undefined,
  ) {
    const standard = codecOf(standardParser);
    this.codec = {
      ...standard,
      encoder: {
        encode: (packet) => {
          this.encoded++;
          return standard.encoder.encode(packet);
        },
      },
    };
  }

  deliver(delivery: Delivery): number {
    this.deliveries.push(delivery);
    this.onDelivery();
    return 1;
  }

  select = () => [];
  selectWithArriving = () => [];
  roomNames = () => [];
  identityOf = () => undefined;
  ask = () => ({ socketIds: [], done: Promise.resolve() });
  onServerSideEmit = () => undefined;
}
