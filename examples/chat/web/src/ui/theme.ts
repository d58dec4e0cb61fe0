import { Store } from '../net/store.js';

export type Theme = 'light' | 'dark';

const KEY = 'relay.theme';
const preferred = window.matchMedia('(prefers-color-scheme: dark)');

export const theme = new Store<Theme>('light');

/** The choice made here before, or else the preference of the system, now and when it changes. */
export function startTheme(): void {
  theme.subscribe(() => {
    document.documentElement.dataset.theme = theme.get();
  });
  const follow = (): void => {
    const chosen = localStorage.getItem(KEY);
    theme.set(chosen === 'dark' || (chosen === null && preferred.matches) ? 'dark' : 'light');
  };
  preferred.addEventListener('change', follow);
  follow();
  document.documentElement.dataset.theme = theme.get();
}

export function toggleTheme(): void {
  const next = theme.get() === 'dark' ? 'light' : 'dark';
  localStorage.setItem(KEY, next);
  theme.set(next);
}
