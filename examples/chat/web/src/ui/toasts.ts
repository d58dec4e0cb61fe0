import { Store } from '../net/store.js';

export interface Toast {
  readonly id: number;
  readonly tone: 'good' | 'info' | 'bad';
  readonly title: string;
  readonly text?: string;
}

const SHOWN_MS = 6000;
const MOST = 3;

/** Recent events, shown for a few seconds. */
export class Toasts {
  readonly list = new Store<readonly Toast[]>([]);
  private last = 0;

  show(toast: Omit<Toast, 'id'>): void {
    const id = ++this.last;
    this.list.update((list) => [...list, { ...toast, id }].slice(-MOST));
    setTimeout(() => this.dismiss(id), SHOWN_MS);
  }

  dismiss(id: number): void {
    this.list.update((list) => list.filter((toast) => toast.id !== id));
  }
}
