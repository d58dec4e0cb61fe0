/** A Socket.IO parser, as in the `parser` option of a Socket.IO server. */
export interface PacketParser {
  Encoder: new () => PacketEncoder;
  Decoder: new () => PacketDecoder;
}

export interface PacketEncoder {
  /** Encodes a packet as one string, one Buffer, or a string followed by binary attachments. */
  // `any`, because Socket.IO's own parsers declare it.
  // oxlint-disable-next-line typescript/no-explicit-any
  encode(packet: any): any[];
}

export interface PacketDecoder {
  // oxlint-disable-next-line typescript/no-explicit-any
  add(chunk: any): void;
  // oxlint-disable-next-line typescript/no-explicit-any
  on(event: 'decoded', listener: (packet: any) => void): unknown;
}
