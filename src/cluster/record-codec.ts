import { shown } from '../options/checks.js';
import type { MessageAuthenticator } from '../channels/message-authenticator.js';
import type { Reporter } from '../reporting/reporter.js';
import type { InstanceId } from '../wire/envelope.js';
import { MAX_RECORD_BYTES } from './records/instance-records.js';
import {
  decodeDescription,
  encodeDescription,
  type InstanceDescription,
} from './records/record-text.js';

const INSTANCE_ID = /^[0-9a-f]{16}$/;

/**
 * Writes and reads the texts of records. With the option `secret` a text is followed by a space and its signature, which is
 * valid for one instance only.
 *
 * @internal
 */
export class RecordCodec {
  constructor(
    /** Stands for the app: records of another app are signed for another name. */
    private readonly name: string,
    private readonly reporter: Reporter,
    private readonly guard: Pick<MessageAuthenticator, 'signText' | 'verifyText'> | undefined,
  ) {}

  encode(instanceId: InstanceId, description: InstanceDescription): string {
    const text = encodeDescription(description);
    const { guard } = this;
    return guard === undefined ? text : `${text} ${guard.signText(text, this.nameOf(instanceId))}`;
  }

  /** Undefined for a text that no instance has written, or that is too large: that is reported. */
  decode(instanceId: InstanceId, given: string | undefined): InstanceDescription | undefined {
    if (!INSTANCE_ID.test(instanceId)) return this.malformed(instanceId);
    if (given === undefined || given.length > MAX_RECORD_BYTES) return this.tooLarge(instanceId);
    const end = given.lastIndexOf(']') + 1;
    const text = given.slice(0, end);
    const signature = given.slice(end + 1);
    if (this.guard?.verifyText(text, this.nameOf(instanceId), signature) === false)
      return undefined;
    return decodeDescription(text) ?? this.malformed(instanceId);
  }

  private nameOf(instanceId: InstanceId): string {
    return `${this.name}:${instanceId}`;
  }

  private tooLarge(instanceId: InstanceId): undefined {
    this.reporter.report(
      'record.too-large',
      () => `of instance ${shown(instanceId)}: the record is not read`,
    );
  }

  private malformed(instanceId: InstanceId): undefined {
    this.reporter.report('record.malformed', () => `of instance ${shown(instanceId)}`);
  }
}
