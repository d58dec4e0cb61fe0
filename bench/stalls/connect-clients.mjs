import { connectRaw } from '../processes/raw-client.mjs';
import { serve } from '../processes/serve.mjs';

/** Concurrent handshakes. */
const AT_ONCE = Number(process.env.AT_ONCE ?? 100);

/** @type {{ close: () => void }[]} */
const clients = [];

serve({
  async connect(/** @type {string} */ url, /** @type {number} */ count) {
    const start = performance.now();
    let next = 0;
    const connectOn = async () => {
      while (next < count)
        clients.push(await connectRaw(url, { user: `user-${next++}`, socketIo: true }));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, connectOn));
    return performance.now() - start;
  },
  close() {
    for (const client of clients) client.close();
  },
});
