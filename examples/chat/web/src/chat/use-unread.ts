import { useEffect } from 'react';
import { useStore } from '../net/use-store.js';
import { useWorkspace } from '../workspace.js';

/** The number of unread messages, also in the title, for users with another tab in front. */
export function useUnread(): number {
  const { chat } = useWorkspace();
  const unread = useStore(chat.state).rooms.reduce((sum, room) => sum + room.unread, 0);

  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) Relay` : 'Relay';
    return () => {
      document.title = 'Relay';
    };
  }, [unread]);

  useEffect(() => {
    const look = (): void => {
      if (!document.hidden) chat.seen();
    };
    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, [chat]);

  return unread;
}
