/** Drawn for this page on a grid of 16, in the colour of the text. */
const PATHS = {
  alert: 'M8 5.2v3.4m0 2.4v.1M8 1.8 14.8 13.6H1.2Z',
  away: 'M8 4.5V8l2.3 1.5M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z',
  bell: 'M3.5 11.5h9l-1.2-1.8V7a3.3 3.3 0 0 0-6.6 0v2.7Zm3 2.3h3',
  box: 'M2.2 5 8 1.9 13.8 5v6L8 14.1 2.2 11Zm0 0L8 8.1 13.8 5M8 8.1v6',
  chat: 'M2.2 3.2h11.6v8H7.6L4.4 13.9v-2.7H2.2Z',
  check: 'm3 8.6 3.2 3.2L13 4.8',
  chevron: 'm4.5 6.5 3.5 3.5 3.5-3.5',
  clock: 'M8 4.5V8l2.3 1.5M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z',
  close: 'm4 4 8 8m0-8-8 8',
  cluster: 'M2.2 2.8h11.6v4H2.2Zm0 6.4h11.6v4H2.2ZM4.8 4.8v.1m0 6.3v.1',
  database:
    'M13.3 3.8c0 1.1-2.4 2-5.3 2s-5.3-.9-5.3-2 2.4-2 5.3-2 5.3.9 5.3 2Zm0 0v8.4c0 1.1-2.4 2-5.3 2s-5.3-.9-5.3-2V3.8m10.6 4.2c0 1.1-2.4 2-5.3 2s-5.3-.9-5.3-2',
  exit: 'M6.4 2.4H2.8v11.2h3.6M10 5l3 3-3 3m3-3H6',
  hash: 'M6.3 2.2 5 13.8M11 2.2 9.7 13.8M2.6 5.6h11.2M2.2 10.4h11.2',
  laptop: 'M3.2 3.2h9.6v6.6H3.2Zm-1.7 9.4h13',
  leave: 'M6.4 2.4H2.8v11.2h3.6M10 5l3 3-3 3m3-3H6',
  moon: 'M13.4 9.6A5.8 5.8 0 0 1 6.4 2.6a5.8 5.8 0 1 0 7 7Z',
  open: 'M6.5 3.2H2.8v10h10V9.5M9.4 2.6h4v4m0-4L7.2 8.8',
  people:
    'M5.8 7.4a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Zm-4.5 6c0-2.6 2-4 4.5-4s4.5 1.4 4.5 4m.4-6.2a2.2 2.2 0 1 0-.6-4.3m2 6.8c1.6.5 2.6 1.8 2.6 3.7',
  phone: 'M4.6 1.8h6.8v12.4H4.6Zm2.7 10.1h1.4',
  plus: 'M8 3v10M3 8h10',
  send: 'M2.4 8 13.6 2.6l-3 10.8-2.8-4.2Zm5.4 1.2 2.4-2.8',
  stop: 'M4 4h8v8H4Z',
  sun: 'M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM8 1.4v1.2m0 10.8v1.2M1.4 8h1.2m10.8 0h1.2M3.3 3.3l.9.9m7.6 7.6.9.9m0-9.4-.9.9m-7.6 7.6-.9.9',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
