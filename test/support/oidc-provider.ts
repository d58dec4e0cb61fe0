import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type GenerateKeyPairResult } from 'jose';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { secondsFromNow } from './hmac-token.js';

interface Key extends GenerateKeyPairResult {
  kid: string;
  alg: string;
}

/** A minimal OIDC provider: it signs tokens and publishes its public keys. */
export class OidcProvider {
  readonly issuer = 'https://login.example/tenant';
  readonly audience = 'app.example/api';
  /** The number of requests for the keys. */
  fetches = 0;
  /** The reply to a request for the keys: the keys, an error, or no reply. */
  state: 'up' | 'failing' | 'away' = 'up';

  private keys: Key[] = [];
  private keysMade = 0;
  private readonly server: Server;

  private constructor() {
    this.server = createServer((_request, response) => {
      this.fetches += 1;
      if (this.state === 'away') response.destroy();
      else if (this.state === 'failing') response.writeHead(503).end();
      else void this.publicKeys().then((jwks) => response.end(JSON.stringify(jwks)));
    });
  }

  static async start(): Promise<OidcProvider> {
    const provider = new OidcProvider();
    await once(provider.server.listen(0, '127.0.0.1'), 'listening');
    await provider.rotate();
    return provider;
  }

  get jwksUri(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/keys`;
  }

  /** From now on signs with a new key and publishes only that one. */
  async rotate(alg = 'ES256'): Promise<void> {
    this.keys = [await this.makeKey(alg)];
  }

  /** Makes a token for alice. The given claims replace the defaults. */
  token(claims: object = {}, key = this.key): Promise<string> {
    const { issuer: iss, audience: aud } = this;
    const usual = { iss, aud, sub: 'alice', exp: secondsFromNow(600) };
    return new SignJWT({ ...usual, ...claims })
      .setProtectedHeader({ alg: key.alg, kid: key.kid })
      .sign(key.privateKey);
  }

  get key(): Key {
    const [key] = this.keys;
    if (key === undefined) throw new Error('the provider has no key');
    return key;
  }

  /** A key that is never published. */
  makeKey(alg = 'ES256'): Promise<Key> {
    const kid = `key ${++this.keysMade}`;
    return generateKeyPair(alg, { extractable: true }).then((pair) => ({ ...pair, kid, alg }));
  }

  /** The public part of the key. */
  publicKey(): Promise<string> {
    return exportSPKI(this.key.publicKey);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await once(this.server.close(), 'close');
  }

  private async publicKeys(): Promise<object> {
    const keys = this.keys.map(async ({ publicKey, kid, alg }) => ({
      ...(await exportJWK(publicKey)),
      kid,
      alg,
      use: 'sig',
    }));
    return { keys: await Promise.all(keys) };
  }
}
