import { useEffect, useRef } from 'react';
import type { Chat } from './chat.js';

/** It may get lost, so it is repeated while it lasts. */
const REPEAT_MS = 1500;
const IDLE_MS = 2500;
const DRAFT_MS = 250;

/** Tells others that this user is typing, and sends the draft to the user's other tabs. */
export function useTyping(chat: Chat, room: string): (text: string) => void {
  const said = useRef(0);
  const idle = useRef<ReturnType<typeof setTimeout>>(undefined);
  const draft = useRef<ReturnType<typeof setTimeout>>(undefined);

  useEffect(
    () => () => {
      clearTimeout(idle.current);
      clearTimeout(draft.current);
    },
    [],
  );

  const stop = (): void => {
    if (said.current !== 0) chat.typing(room, false);
    said.current = 0;
  };

  return (text) => {
    clearTimeout(idle.current);
    if (text === '') stop();
    else {
      idle.current = setTimeout(stop, IDLE_MS);
      if (Date.now() - said.current > REPEAT_MS) {
        chat.typing(room, true);
        said.current = Date.now();
      }
    }
    clearTimeout(draft.current);
    draft.current = setTimeout(() => chat.shareDraft(room, text), text === '' ? 0 : DRAFT_MS);
  };
}
