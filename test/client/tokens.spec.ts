import { describe, expect, it } from '@jest/globals';
import { Tokens, type TokenRequest } from '../../client/src/tokens.js';

/** An app that answers each request when the test says so. */
class SlowApp {
  readonly requests: (TokenRequest & { answer: (token: string) => void })[] = [];
  readonly getToken = (request: TokenRequest): Promise<string> =>
    new Promise((answer) => this.requests.push({ ...request, answer }));

  get reasons(): string[] {
    return this.requests.map(({ reason }) => reason);
  }
}

describe('the tokens of a connection', () => {
  it('keep the new one if the request of a namespace that connects is answered after the renewal', async () => {
    const app = new SlowApp();
    const tokens = new Tokens(app.getToken);
    const connecting = tokens.forConnection();
    const renewing = tokens.after('old', { reason: 'expiring' });
    app.requests[1]!.answer('new');
    await expect(renewing).resolves.toBe('new');
    app.requests[0]!.answer('old');
    await connecting;

    await expect(tokens.after('old', { reason: 'expiring' })).resolves.toBe('new');
    const next = tokens.after('new', { reason: 'expiring' });
    expect(app.reasons).toEqual(['connect', 'expiring', 'expiring']);
    app.requests[2]!.answer('newer');
    await expect(next).resolves.toBe('newer');
  });

  it('are asked for once while they are renewed, also by a namespace that connects', async () => {
    const app = new SlowApp();
    const tokens = new Tokens(app.getToken);
    const renewing = tokens.after('old', { reason: 'expiring' });
    const connecting = tokens.forConnection();
    expect(app.reasons).toEqual(['expiring']);
    app.requests[0]!.answer('new');
    await expect(Promise.all([renewing, connecting])).resolves.toEqual(['new', 'new']);
  });
});
