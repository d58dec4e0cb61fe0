import { useEffect, useRef } from 'react';
import { useConnectionState } from '../net/socket-provider.js';
import { useWorkspace } from '../workspace.js';

/** Tells the user that the tab has moved to another instance. */
export function useMoveNews(): void {
  const { toasts } = useWorkspace();
  const { phase, instance } = useConnectionState();
  const before = useRef<string>(null);

  useEffect(() => {
    if (phase !== 'open' || instance === null) return;
    if (before.current !== null && before.current !== instance) {
      const text = 'Nothing was lost on the way.';
      toasts.show({ tone: 'good', title: `Moved to instance ${instance}`, text });
    }
    before.current = instance;
  }, [toasts, phase, instance]);
}
