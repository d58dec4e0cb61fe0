import type { TestInstance } from './test-instance.js';

/** The number of connections that the HTTP server of an instance has. */
export function connectionsOf({ app }: TestInstance): Promise<number> {
  return new Promise((resolve, reject) => {
    app.getHttpServer().getConnections((error: Error | null, count: number) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}
