import { useEffect } from 'react';
import { DEMO_PASSWORD, DEMO_USERS } from '../../../shared/rules.js';
import type { Session } from '../net/session.js';

/**
 * FOR THE DEMO ONLY: a link such as http://localhost:3002/#bob logs in at once. The part after the # stays in the
 * browser, whereas a query string appears in access logs.
 */
export function useAutoLogin(session: Session): void {
  useEffect(() => {
    const name = decodeURIComponent(window.location.hash.slice(1));
    if (!DEMO_USERS.some((user) => user === name)) return;
    window.history.replaceState(null, '', window.location.pathname);
    if (session.state.get()?.user.name === name) return;
    session.end();
    session
      .login(name, DEMO_PASSWORD)
      .catch(() => session.farewell.set('That link did not work. Please log in.'));
  }, [session]);
}
