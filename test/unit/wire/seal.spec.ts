import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Seal } from '../../../src/wire/seal.js';

const secret = (text: string) => createSecretKey(Buffer.from(text.padEnd(32, '.')));
const [one, two] = [secret('one'), secret('two')];
const value = Buffer.from('a value that nobody else may read');

describe('a sealed value', () => {
  const seal = new Seal([one]);

  it('is read by all that have the secret, under its name', () => {
    const sealed = seal.seal(value, 'name');
    expect(new Seal([one]).open(sealed, 'name')?.bytes).toEqual(value);
    expect(sealed.includes('nobody')).toBe(false);
  });

  it('is refused under another name, with another secret, and if any bit of it was changed', () => {
    const sealed = seal.seal(value, 'name');
    expect(seal.open(sealed, 'other')).toBeUndefined();
    expect(new Seal([two]).open(sealed, 'name')).toBeUndefined();
    for (let i = 0; i < sealed.length; i++) {
      const changed = Buffer.from(sealed);
      changed[i]! ^= 1;
      expect(seal.open(changed, 'name')).toBeUndefined();
      expect(seal.open(sealed.subarray(0, i), 'name')).toBeUndefined();
    }
  });

  it('is read with a former secret, which seals nothing', () => {
    const changed = new Seal([two, one]);
    expect(changed.open(seal.seal(value, 'name'), 'name')?.bytes).toEqual(value);
    expect(seal.open(changed.seal(value, 'name'), 'name')).toBeUndefined();
  });

  it('has a tag of its own each time', () => {
    const tags = [1, 2].map(() => seal.open(seal.seal(value, 'name'), 'name')?.tag);
    expect(tags[0]).not.toEqual(tags[1]);
  });
});
