import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** While you work on the page, `npm run dev:web` serves it, and passes on what is for an instance. */
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
