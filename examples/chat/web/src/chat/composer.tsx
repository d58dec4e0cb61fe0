import { useEffect, useLayoutEffect, useRef, type FormEvent } from 'react';
import { MAX_TEXT } from '../../../shared/rules.js';
import { useConnectionState } from '../net/connection.js';
import { useWorkspace } from '../workspace.js';
import { ErrorText } from '../ui/error-text.js';
import { Icon } from '../ui/icon.js';
import type { Room } from './chat-state.js';
import { useTyping } from './use-typing.js';

const TALLEST_PX = 168;

export function Composer({ room }: { readonly room: Room }) {
  const { chat } = useWorkspace();
  const { phase } = useConnectionState();
  const input = useRef<HTMLTextAreaElement>(null);
  const typed = useTyping(chat, room.name);
  const { draft, refusal } = room;
  const left = MAX_TEXT - draft.length;

  useLayoutEffect(() => {
    const area = input.current;
    if (area === null) return;
    area.style.height = 'auto';
    area.style.height = `${Math.min(area.scrollHeight, TALLEST_PX)}px`;
  }, [draft]);

  useEffect(() => {
    // A phone would open its keyboard.
    if (window.matchMedia('(hover: hover)').matches) input.current?.focus();
  }, []);

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (draft.trim() === '') return;
    chat.send(room.name, draft);
    typed('');
    input.current?.focus();
  };

  return (
    <form className="composer" onSubmit={submit}>
      <div className={`composer__box ${refusal.length > 0 ? 'composer__box--refused' : ''}`}>
        <label className="sr-only" htmlFor="message-input">
          Message to {room.name}
        </label>
        <textarea
          ref={input}
          id="message-input"
          className="composer__input"
          rows={1}
          enterKeyHint="send"
          placeholder={
            phase === 'open' ? `Message #${room.name}` : 'Go on writing, it is sent later'
          }
          value={draft}
          aria-invalid={refusal.length > 0}
          aria-describedby="message-problem"
          onChange={({ target }) => {
            chat.draft(room.name, target.value);
            typed(target.value);
          }}
          onKeyDown={(event) => {
            // During input method composition, Enter belongs to the composition.
            if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
            event.preventDefault();
            event.currentTarget.form?.requestSubmit();
          }}
        />
        <button
          type="submit"
          className="composer__send"
          aria-label="Send"
          disabled={draft.trim() === ''}
        >
          <Icon name="send" size={18} />
        </button>
      </div>
      <div className="composer__foot">
        <div id="message-problem">
          {refusal.map((line) => (
            <ErrorText key={line}>{line}</ErrorText>
          ))}
        </div>
        {left < 80 && (
          <p className={`composer__left tabular ${left < 0 ? 'composer__left--over' : ''}`}>
            {left}
          </p>
        )}
      </div>
    </form>
  );
}
