/** What Vite takes care of. Its own `vite/client` has to be installed to read this. */
declare module '*.css';
