import { encodeEnvelope, type EnvelopeHeader } from '../../src/wire/envelope.js';

/** The header of an event of another instance. */
export const SAMPLE_HEADER: EnvelopeHeader = {
  origin: Buffer.from('0123456789abcdef', 'hex'),
  sequence: 7,
  sentAt: 1_700_000_000_000,
  volatile: false,
  compress: true,
  except: [],
  rooms: [],
  customParser: false,
};

/** The envelope of an event of an instance, with its sequence. The name of the event is `text`. */
export function envelopeOf(instanceId: string, sequence: number, text = 'x'): Buffer {
  const header = {
    ...SAMPLE_HEADER,
    origin: Buffer.from(instanceId, 'hex'),
    sequence,
    sentAt: 0,
  };
  return encodeEnvelope(header, [`2["${text}"]`]).bytes;
}
