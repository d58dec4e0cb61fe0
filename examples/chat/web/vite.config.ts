import react from '@vitejs/plugin-react';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** During development `npm run dev:web` serves the page, and forwards requests to an instance. */
const instance = process.env.INSTANCE_URL ?? 'http://localhost:3001';
const paths = ['/auth', '/orders', '/cluster'];
const pages = ['index.html', 'playground.html'];

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    rollupOptions: {
      input: pages.map((page) => fileURLToPath(new URL(page, import.meta.url))),
    },
  },
  server: {
    proxy: {
      ...Object.fromEntries(paths.map((path) => [path, instance])),
      '/socket.io': { target: instance, ws: true },
    },
  },
});
