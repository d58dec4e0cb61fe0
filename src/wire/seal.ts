import {
  createCipheriv,
  createDecipheriv,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Keys for other purposes are made of the same secret. */
const PURPOSE = 'nestjs-redis-propagator: sealed values';

/** A sealed value that was opened. @internal */
export interface Opened {
  readonly bytes: Buffer;
  /** Identifies the value: no two have the same. */
  readonly tag: Buffer;
}

/**
 * Encrypts and authenticates values in the name of their keys (AES-256-GCM), so that nobody without the secret reads them,
 * changes them, or moves them to another key.
 *
 * @internal
 */
export class Seal {
  private readonly keys: readonly Buffer[];

  /** @param secrets the first one seals, all of them open */
  constructor(secrets: readonly KeyObject[]) {
    this.keys = secrets.map((secret) =>
      Buffer.from(hkdfSync('sha256', secret, '', PURPOSE, KEY_BYTES)),
    );
  }

  seal(bytes: Buffer, name: string): Buffer {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.keys[0]!, iv);
    cipher.setAAD(Buffer.from(name));
    const sealed = [cipher.update(bytes), cipher.final()];
    return Buffer.concat([iv, cipher.getAuthTag(), ...sealed]);
  }

  /** Undefined: the value was not sealed with one of the secrets in this name. */
  open(sealed: Buffer, name: string): Opened | undefined {
    if (sealed.length < IV_BYTES + TAG_BYTES) return undefined;
    const iv = sealed.subarray(0, IV_BYTES);
    const tag = sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES);
    for (const key of this.keys) {
      const decipher = createDecipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(name));
      decipher.setAuthTag(tag);
      const bytes = decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES));
      try {
        return { bytes: Buffer.concat([bytes, decipher.final()]), tag };
      } catch {
        // Another secret, or not sealed in this name.
      }
    }
    return undefined;
  }
}
