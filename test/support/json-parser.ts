import { EventEmitter } from 'node:events';
import type { PacketParser } from '../../src/index.js';

interface Packet {
  type: number;
  nsp: string;
  data?: unknown;
  id?: number;
}

/** A parser supplied by an app: a packet is one JSON text that Socket.IO's own parser cannot read. */
class JsonEncoder {
  encode(packet: Packet): string[] {
    return [`!${JSON.stringify(packet)}`];
  }
}

class JsonDecoder extends EventEmitter {
  add(chunk: unknown): void {
    if (typeof chunk !== 'string' || !chunk.startsWith('!')) throw new Error('not of this parser');
    this.emit('decoded', JSON.parse(chunk.slice(1)));
  }

  destroy(): void {}
}

export const jsonParser = { Encoder: JsonEncoder, Decoder: JsonDecoder } satisfies PacketParser;
