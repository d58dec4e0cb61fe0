import type { JwtModuleOptions, JwtService } from '@nestjs/jwt';

const ISSUER = 'https://app.example';

/** The use of a token. Each use has its own audience, so that no token is accepted for another one. */
export const FOR_SOCKETS = 'app.example/sockets';
export const FOR_REFRESH = 'app.example/refresh';

/** In JSON Web Tokens times are in seconds since 1970. */
interface Claims {
  sub?: string;
  sid?: string;
  iat?: number;
  exp?: number;
}

export function jwtOptions(secret: string): JwtModuleOptions {
  if (Buffer.byteLength(secret) < 32) {
    throw new Error('JWT_SECRET is too short. Make one with: openssl rand -base64 32');
  }
  return { secret, signOptions: { algorithm: 'HS256', issuer: ISSUER } };
}

/** The user, the login and the lifetime of a token. `null` for a token that is not valid. */
export async function identityOf(jwt: JwtService, token: string, audience: string) {
  try {
    const { sub, sid, iat, exp } = await jwt.verifyAsync<Claims>(token, {
      algorithms: ['HS256'],
      issuer: ISSUER,
      audience,
    });
    return sub !== undefined && exp !== undefined ? { userId: sub, sid, iat, exp } : null;
  } catch {
    return null;
  }
}
