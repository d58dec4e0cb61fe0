import type { INestApplication } from '@nestjs/common';
import { asyncApiOf } from '../../../src/index.js';

/** Call it in main.ts, before app.listen(). Protect the path if your events are not public. */
export function serveDocument(app: INestApplication): void {
  const document = asyncApiOf(app, { title: 'Shop', version: '1.4.0' });
  const http = app.getHttpAdapter();
  const send = (_request: unknown, response: unknown) => http.reply(response, document);
  http.get('/asyncapi.json', send);
}
