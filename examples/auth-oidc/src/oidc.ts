import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { AuthOptions } from 'nestjs-redis-propagator';

export interface OidcSettings {
  /** Exactly as in the provider's `/.well-known/openid-configuration`. */
  issuer: string;
  /** The name of this API at the provider. */
  audience: string;
  /** `jwks_uri` in the same document. */
  jwksUri: string;
  /** How long after a fetch of the keys a token with an unknown key may cause another fetch, in ms. */
  keysCooldownMs: number;
  /** How long the keys are used without another fetch, in ms. */
  keysMaxAgeMs: number;
}

/** The claims that `jwtVerify` requires, and the session at the provider, if there is one. */
interface Claims {
  sub: string;
  exp: number;
  sid?: string;
}

/** Errors of the token. All others are errors of the provider, or of this app. */
const FAULTS_OF_THE_TOKEN = new Set<string>([
  errors.JOSEAlgNotAllowed.code,
  errors.JOSENotSupported.code,
  errors.JWKSMultipleMatchingKeys.code,
  errors.JWKSNoMatchingKey.code,
  errors.JWSInvalid.code,
  errors.JWSSignatureVerificationFailed.code,
  errors.JWTClaimValidationFailed.code,
  errors.JWTExpired.code,
  errors.JWTInvalid.code,
]);

export function oidcAuth(settings: OidcSettings): AuthOptions {
  // One for the whole app: it caches the keys, and fetches them again for a token with an unknown key.
  const keys = createRemoteJWKSet(new URL(settings.jwksUri), {
    timeoutDuration: 3000,
    cooldownDuration: settings.keysCooldownMs,
    cacheMaxAge: settings.keysMaxAgeMs,
  });
  return {
    required: true,
    authenticate: async (token) => {
      try {
        const { payload } = await jwtVerify<Claims>(token, keys, {
          algorithms: ['RS256', 'ES256'],
          issuer: settings.issuer,
          audience: settings.audience,
          requiredClaims: ['sub', 'exp'],
          clockTolerance: 5,
        });
        const { sub, sid, iat, exp } = payload;
        return { userId: sub, sid, iat, exp };
      } catch (error) {
        if (error instanceof errors.JOSEError && FAULTS_OF_THE_TOKEN.has(error.code)) return null;
        throw error;
      }
    },
  };
}
