/** Types for features of Vite. Its own `vite/client` would have to be installed to read this. */
declare module '*.css';
