import { describe, expect, it } from '@jest/globals';
import { isUnclear, mistakeIn, noRedis } from '../../../src/redis/start-problem.js';

describe('the failure of a first connection', () => {
  it.each([
    ['certificate has expired', 'redis.tls', 'Renew the certificate'],
    ['certificate is not yet valid', 'redis.tls', 'set the clock'],
    ['self-signed certificate in certificate chain', 'redis.tls', 'certificate of its authority'],
    ['unable to verify the first certificate', 'redis.tls', 'certificate of its authority'],
    ['tlsv13 alert certificate required', 'redis.tls', 'your own where Redis asks for one'],
    [
      "Hostname/IP does not match certificate's altnames: IP: 127.0.0.1 is not in the cert's list:",
      'redis.tls',
      'servername',
    ],
    ['WRONGPASS invalid username-password pair', 'redis.permission', 'password'],
    ['ERR This instance has cluster support disabled', 'redis.wrong-server', '{ host, port }'],
  ])('is a mistake of the app if it says "%s"', (message, code, remedy) => {
    const mistake = mistakeIn(new Error(message));
    expect(mistake).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(mistake?.message).toContain(remedy);
  });

  it.each(['connect ECONNREFUSED 127.0.0.1:6379', 'Connection is closed.', 'read ECONNRESET'])(
    'is none if it says "%s"',
    (message) => {
      expect(mistakeIn(new Error(message))).toBeUndefined();
      expect(noRedis(new Error(message))).toBeUndefined();
    },
  );

  it('needs a closer look unless the host or the port does not exist', () => {
    expect(isUnclear(new Error('connect ECONNREFUSED 127.0.0.1:6379'))).toBe(false);
    expect(isUnclear(new Error('getaddrinfo ENOTFOUND redis.test'))).toBe(false);
    expect(isUnclear(new Error('Connection is closed.'))).toBe(true);
  });

  it('is a server of another kind if the reply is not one of Redis', () => {
    const reply = new Error('Protocol error, got "H" as reply type byte');
    expect(noRedis(reply)).toMatchObject({ code: 'redis.wrong-server' });
  });
});
