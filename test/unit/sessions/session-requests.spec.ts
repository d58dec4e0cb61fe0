import { describe, expect, it } from '@jest/globals';
import {
  metadataRequestIn,
  revokeRequestIn,
  sessionsRequestIn,
} from '../../../src/sessions/session-requests.js';

const nothing = [undefined, null, 7, 'text', [], {}];

describe('session requests of other instances', () => {
  it('are read as they were sent', () => {
    const requests = [
      { revoked: { userId: 'alice' }, reason: 'x' },
      { revoked: { userId: 'alice', exceptSessionId: 's1' }, reason: '' },
      { revoked: { sessionId: 's1' }, reason: 'x' },
    ];
    for (const request of requests) expect(revokeRequestIn(request)).toEqual(request);
    expect(sessionsRequestIn({ userId: '7' })).toEqual({ userId: '7' });
    expect(sessionsRequestIn({ userId: '7', namespace: '/' })).toEqual({
      userId: '7',
      namespace: '/',
    });
    const metadata = { sessionId: 's1', metadata: { a: 1 } };
    expect(metadataRequestIn(metadata)).toEqual(metadata);
    expect(metadataRequestIn({ sessionId: 's1', metadata: null })).toEqual({
      sessionId: 's1',
      metadata: null,
    });
  });

  it.each<[string, (params: unknown) => unknown, unknown[]]>([
    [
      'revoke',
      revokeRequestIn,
      [
        { revoked: { userId: 'alice' } },
        { revoked: { userId: {} }, reason: 'x' },
        { revoked: { userId: '' }, reason: 'x' },
        { revoked: { userId: 'alice', exceptSessionId: null }, reason: 'x' },
        { revoked: { sessionId: 'x'.repeat(257) }, reason: 'x' },
        ...nothing.map((revoked) => ({ revoked, reason: 'x' })),
      ],
    ],
    ['sessions', sessionsRequestIn, [{ userId: null }, { userId: 'alice', namespace: {} }]],
    [
      'session-metadata',
      metadataRequestIn,
      [{ sessionId: 's1' }, { sessionId: 's1', metadata: 'x' }, { sessionId: {}, metadata: null }],
    ],
  ])('are refused if they are malformed: %s', (_, read, requests) => {
    // The code that answers the requests reports errors.
    for (const request of [...nothing, ...requests]) expect(() => read(request)).toThrow(TypeError);
  });
});
