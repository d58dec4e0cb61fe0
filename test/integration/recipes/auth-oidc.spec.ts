import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Example } from '../../support/example.js';
import { hmacToken, secondsFromNow } from '../../support/hmac-token.js';
import { OidcProvider } from '../../support/oidc-provider.js';

/** Instances: one that no other test uses, one that fetches keys at once, one that caches none. */
const [UNTOUCHED, EAGER, FORGETFUL] = [0, 1, 2];

const note = (by: string, text: string) => [{ event: 'note', args: [{ by, text }] }];

function handMade(provider: OidcProvider, secret: string, alg: 'none' | 'HS256'): string {
  const { issuer: iss, audience: aud, key } = provider;
  const claims = { iss, aud, sub: 'alice', exp: secondsFromNow(600) };
  return hmacToken(claims, secret, { alg, kid: key.kid });
}

async function signedByStranger(provider: OidcProvider): Promise<string> {
  const { kid } = provider.key;
  return provider.token({}, { ...(await provider.makeKey()), kid });
}

describe('examples/auth-oidc', () => {
  let provider: OidcProvider;
  let example: Example;
  beforeAll(async () => {
    provider = await OidcProvider.start();
    const env = {
      OIDC_ISSUER: provider.issuer,
      OIDC_AUDIENCE: provider.audience,
      OIDC_JWKS_URI: provider.jwksUri,
    };
    example = await Example.start(
      'auth-oidc',
      env,
      { ...env, OIDC_KEYS_COOLDOWN_MS: '0' },
      { ...env, OIDC_KEYS_MAX_AGE_MS: '0' },
    );
  });
  afterAll(async () => {
    await example.close();
    await provider.stop();
  });
  beforeEach(() => {
    provider.state = 'up';
    provider.fetches = 0;
  });
  afterEach(() => example.disconnectAll());

  it('identifies users by the tokens of the provider, on all instances', async () => {
    const alice = await example.connect(EAGER, await provider.token());
    const phone = await example.connect(FORGETFUL, await provider.token());
    const bob = await example.connect(EAGER, await provider.token({ sub: 'bob' }));

    alice.emit('note', 'tea at five');
    await phone.waitFor('note');
    bob.emit('note', 'new roof');
    await bob.waitFor('note');

    expect(phone.received).toEqual(note('alice', 'tea at five'));
    expect(bob.received).toEqual(note('bob', 'new roof'));
  });

  describe('refuses a token', () => {
    it.each<[what: string, claims: object]>([
      ['of another issuer', { iss: 'https://login.example/other-tenant' }],
      ['of no issuer', { iss: undefined }],
      ['for another audience', { aud: 'app.example/reports' }],
      ['for no audience', { aud: undefined }],
      ['of nobody', { sub: undefined }],
      ['that has ended', { exp: secondsFromNow(-30) }],
      ['that never ends', { exp: undefined }],
      ['that is not valid yet', { nbf: secondsFromNow(60) }],
    ])('%s', async (_what, claims) => {
      expect(await example.answerTo(EAGER, await provider.token(claims))).toBe(
        'auth.token-rejected',
      );
    });

    it.each<[what: string, make: () => string | Promise<string>]>([
      ['that is none', () => 'alice'],
      ['with three parts of nothing', () => 'a.b.c'],
      ['that is not signed', () => handMade(provider, '', 'none')],
      // Code that takes the algorithm from the token would use the public key as a shared secret.
      [
        'signed with the public key',
        async () => handMade(provider, await provider.publicKey(), 'HS256'),
      ],
      ['of a key that claims to be the known one', () => signedByStranger(provider)],
    ])('%s', async (_what, make) => {
      expect(await example.answerTo(EAGER, await make())).toBe('auth.token-rejected');
    });

    it('whose algorithm is not allowed, although the provider has such a key', async () => {
      await provider.rotate('RS512');
      expect(await example.answerTo(EAGER, await provider.token())).toBe('auth.token-rejected');
      await provider.rotate('RS256');
      expect(await example.answerTo(EAGER, await provider.token())).toBe('let in');
    });
  });

  it('knows when a token expires, and accepts a new one of the same session', async () => {
    const client = await example.connect(EAGER, await provider.token({ sid: 'first login' }));
    const exp = secondsFromNow(900);
    const refresh = async (sid: string) =>
      client.ask('auth:refresh', await provider.token({ exp, sid }));

    expect(await refresh('second login')).toEqual({ ok: false, code: 'auth.session-mismatch' });
    expect(await refresh('first login')).toEqual({ ok: true, expiresAt: exp * 1000 });
  });

  it('tolerates clocks that differ by a few seconds', async () => {
    const token = await provider.token({ nbf: secondsFromNow(3) });
    expect(await example.answerTo(EAGER, token)).toBe('let in');
  });

  it('accepts a new key of the provider without a restart, and the old one no longer', async () => {
    const before = await provider.token();
    expect(await example.answerTo(EAGER, before)).toBe('let in');

    await provider.rotate();

    expect(await example.answerTo(EAGER, await provider.token())).toBe('let in');
    expect(await example.answerTo(EAGER, before)).toBe('auth.token-rejected');
  });

  it('asks the provider once for a flood of tokens with unknown keys', async () => {
    const inventedKey = async () => provider.token({}, await provider.makeKey());
    const answers = await Promise.all(
      Array.from({ length: 10 }, async () => example.answerTo(UNTOUCHED, await inventedKey())),
    );
    expect(answers).toEqual(Array(10).fill('auth.token-rejected'));
    expect(provider.fetches).toBe(1);
  });

  it.each(['failing', 'away'] as const)(
    'asks a client to retry later while the provider is %s, and keeps connected clients',
    async (state) => {
      const before = await example.connect(FORGETFUL, await provider.token());

      provider.state = state;

      expect(await example.answerTo(FORGETFUL, await provider.token())).toBe('auth.failed');
      before.emit('note', 'still here');
      await before.waitFor('note');

      provider.state = 'up';
      expect(await example.answerTo(FORGETFUL, await provider.token())).toBe('let in');
    },
  );

  it('continues with the cached keys while the provider is down', async () => {
    await provider.rotate();
    expect(await example.answerTo(EAGER, await provider.token())).toBe('let in');

    provider.state = 'away';

    expect(await example.answerTo(EAGER, await provider.token())).toBe('let in');
    const unknown = await provider.token({}, await provider.makeKey());
    expect(await example.answerTo(EAGER, unknown)).toBe('auth.failed');
    expect(example.printed(EAGER)).toMatch(/auth\.failed: authenticate threw: .*fetch failed/);
  });
});
