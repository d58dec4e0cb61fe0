import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** During development `npm run dev:web` serves the page, and forwards requests to an instance. */
const instance = process.env.INSTANCE_URL ?? 'http://localhost:3001';
const paths = ['/auth', '/orders', '/cluster'];

export default defineConfig({
  plugins: [react()],
  build: { target: 'es2022' },
  server: {
    proxy: {
      ...Object.fromEntries(paths.map((path) => [path, instance])),
      '/socket.io': { target: instance, ws: true },
    },
  },
});
