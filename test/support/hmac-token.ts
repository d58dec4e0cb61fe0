import { createHmac } from 'node:crypto';

const HASHES = { HS256: 'sha256', HS512: 'sha512', none: undefined };

export interface TokenHeader {
  alg?: keyof typeof HASHES;
  kid?: string;
}

/** Makes a JWT by hand, including tokens that a signing library would refuse to make. */
export function hmacToken(
  claims: object,
  secret: string,
  { alg = 'HS256', ...header }: TokenHeader = {},
): string {
  const signed = `${part({ alg, typ: 'JWT', ...header })}.${part(claims)}`;
  const hash = HASHES[alg];
  const signature = hash && createHmac(hash, secret).update(signed).digest('base64url');
  return `${signed}.${signature ?? ''}`;
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** The time format of a JWT: whole seconds since 1970. */
export function secondsFromNow(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds;
}
