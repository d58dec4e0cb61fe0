import type { NestExpressApplication } from '@nestjs/platform-express';
import { existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Config } from '../config.js';

/** From the sources, and from the compiled code in dist. */
const folders = ['../../web/dist', '../../../web/dist'];

/** The built page, if it exists. During development `npm run dev:web` serves it instead. */
export function servePage(app: NestExpressApplication, config: Config): void {
  const folder = folders.map((path) => join(import.meta.dirname, path)).find(existsSync);
  if (folder === undefined) return;
  const policy = contentSecurityPolicy(config);
  app.use((_request: IncomingMessage, response: ServerResponse, next: () => void) => {
    response.setHeader('Content-Security-Policy', policy);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Referrer-Policy', 'no-referrer');
    next();
  });
  app.useStaticAssets(folder, {
    setHeaders: (response: ServerResponse, path: string) => {
      // Vite writes a hash of the content into the names of assets; the page that names them must not be cached.
      const lasting = path.includes(join('dist', 'assets'));
      response.setHeader(
        'Cache-Control',
        lasting ? 'public, max-age=31536000, immutable' : 'no-cache',
      );
    },
  });
}

/** Scripts only from here, and connections only to the instances: injected markup cannot send anything out. */
function contentSecurityPolicy({ instanceUrls }: Config): string {
  const others = instanceUrls.flatMap((url) => [url, url.replace(/^http/, 'ws')]);
  return [
    "default-src 'self'",
    `connect-src ${["'self'", ...others].join(' ')}`,
    "img-src 'self' data:",
    "style-src 'self' 'unsafe-inline'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
