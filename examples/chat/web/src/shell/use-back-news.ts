import { useEffect, useRef } from 'react';
import { useConnectionState } from '../net/connection.js';
import { useWorkspace } from '../workspace.js';

/** Tells the user that the tab is connected again, and whether it has missed anything. */
export function useBackNews(): void {
  const { toasts } = useWorkspace();
  const { phase, instance, back } = useConnectionState();
  const shown = useRef(back);
  const lastInstance = useRef<string>(null);

  useEffect(() => {
    if (phase !== 'open' || instance === null) return;
    const where = instance === lastInstance.current ? 'Still on' : 'Moved to';
    lastInstance.current = instance;
    if (back === null || back === shown.current) return;
    shown.current = back;
    const text = `${where} instance ${instance}.`;
    if (back.isComplete) toasts.show({ tone: 'good', title: 'Back, nothing missed', text });
    else toasts.show({ tone: 'info', title: 'Back, reloaded', text });
  }, [toasts, phase, instance, back]);
}
