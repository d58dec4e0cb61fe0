import * as standardParser from 'socket.io-parser';
import type { PacketEncoder } from '../../src/ports/packet-parser.js';
import type { Delivery, PacketCodec } from '../../src/routing/local-namespace.js';
import { codecOf } from '../../src/routing/packet-codec.js';
import { StubNamespace } from './stub-namespace.js';

/** A namespace that records its deliveries, and counts the packets that are encoded for it. */
export class FakeNamespace extends StubNamespace {
  readonly deliveries: Delivery[] = [];
  encoded = 0;
  override readonly codec = this.counting(codecOf(standardParser));

  constructor(
    name: string,
    /** Called with each delivery. */
    private readonly onDelivery: () => void = () => undefined,
  ) {
    super(name);
  }

  deliver(delivery: Delivery): number {
    this.deliveries.push(delivery);
    this.onDelivery();
    return 1;
  }

  private counting(codec: PacketCodec): PacketCodec {
    const encode: PacketEncoder['encode'] = (packet) => {
      this.encoded++;
      return codec.encoder.encode(packet);
    };
    return { ...codec, encoder: { encode } };
  }
}
