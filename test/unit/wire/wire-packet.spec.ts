import { describe, expect, it } from '@jest/globals';
import * as standardParser from 'socket.io-parser';
import type { PacketParser } from '../../../src/ports/packet-parser.js';
import type { EncodedPart } from '../../../src/wire/frames.js';
import { WirePacket } from '../../../src/wire/wire-packet.js';
import { framesOf } from '../../support/frames-of.js';

/** Socket.IO's parser, counting its decodings. */
function countingParser(): { parser: PacketParser; decoders: () => number } {
  let decoders = 0;
  class Decoder extends standardParser.Decoder {
    constructor() {
      super();
      decoders++;
    }
  }
  return { parser: { ...standardParser, Decoder }, decoders: () => decoders };
}

const text = '2/chat,["hello",{"n":1}]';
const binary: EncodedPart[] = ['51-["file",{"_placeholder":true,"num":0}]', Buffer.from([1, 2])];

describe('a packet on its way to sockets', () => {
  it('is not decoded for sockets that take the frames or the parts', () => {
    const { parser, decoders } = countingParser();
    const packet = new WirePacket({ frames: framesOf(text) }, parser);
    expect(packet.frames).toEqual(framesOf(text));
    expect(packet.parts).toEqual([text]);
    expect(decoders()).toBe(0);
  });

  it('is split once and decoded once, however many sockets need it', () => {
    const { parser, decoders } = countingParser();
    const packet = new WirePacket({ frames: framesOf(...binary) }, parser);
    expect(packet.packet).toMatchObject({ type: 2, nsp: '/', data: ['file', Buffer.from([1, 2])] });
    expect(packet.packet).toBe(packet.packet);
    expect(packet.parts).toBe(packet.parts);
    expect(decoders()).toBe(1);
  });

  it('is neither split nor decoded if both forms are known', () => {
    const { parser, decoders } = countingParser();
    const known = { parts: [text], packet: { type: 2, nsp: '/chat', data: ['hello', { n: 1 }] } };
    const packet = new WirePacket({ frames: framesOf(text) }, parser, known);
    expect(packet.parts).toBe(known.parts);
    expect(packet.packet).toBe(known.packet);
    expect(decoders()).toBe(0);
  });

  it.each<[string, EncodedPart[]]>([
    ['no packet', ['this is none']],
    ['a packet of an unknown type', ['9["a"]']],
    ['a packet without data', ['2']],
    ['a packet whose data is no list', ['0{"sid":"x"}']],
    ['binary data without a packet', [Buffer.from([1])]],
    ['a packet that waits for its attachment', [binary[0] as EncodedPart]],
    ['text where an attachment is due', [binary[0] as EncodedPart, text]],
    ['a reserved event', ['2["disconnect"]']],
  ])('is malformed, without an exception, if its frames carry %s', (_, parts) => {
    const { parser, decoders } = countingParser();
    const packet = new WirePacket({ frames: framesOf(...parts) }, parser);
    expect(packet.packet).toBeUndefined();
    expect(packet.packet).toBeUndefined();
    expect(decoders()).toBe(1);
  });
});
