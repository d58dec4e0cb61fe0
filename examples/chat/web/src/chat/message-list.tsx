import { useLayoutEffect, useRef } from 'react';
import { useStore } from '../net/use-store.js';
import { useWorkspace } from '../workspace.js';
import { Avatar } from '../ui/avatar.js';
import { Icon } from '../ui/icon.js';
import { nameOf, timeOf } from '../ui/names.js';
import type { Room } from './chat-state.js';
import { linesOf, type BubbleLine } from './lines.js';

/** A reader this near to the end stays at the end. */
const NEAR_PX = 120;

export function MessageList({ room }: { readonly room: Room }) {
  const { chat, me } = useWorkspace();
  const unsent = useStore(chat.outbox.unsent);
  const lines = linesOf(room, unsent, me);
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);

  useLayoutEffect(() => {
    if (atEnd.current) list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [lines.length]);

  return (
    <div
      ref={list}
      className="messages"
      tabIndex={0}
      role="log"
      aria-label={`Messages in ${room.name}`}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        atEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_PX;
      }}
    >
      <div className="messages__inner">
        {lines.length === 0 && (
          <div className="empty">
            <Icon name="chat" size={28} />
            <strong>Nothing here yet</strong>
            Say something: everybody in this room sees it, on whichever instance they are.
          </div>
        )}
        {lines.map((line) =>
          line.kind === 'notice' ? (
            <p key={line.key} className="notice">
              {`${line.user.id === me.id ? 'You' : nameOf(line.user)} ${line.what}`}
            </p>
          ) : (
            <Bubble key={line.key} line={line} mine={line.user.id === me.id} />
          ),
        )}
      </div>
    </div>
  );
}

function Bubble({ line, mine }: { readonly line: BubbleLine; readonly mine: boolean }) {
  const { user, text, at, sending, first, last } = line;
  const state = sending ? 'sending' : 'sent';
  return (
    <article
      className={`message ${mine ? 'message--mine' : ''} ${first ? 'message--first' : ''} ${last ? 'message--last' : ''}`}
      aria-label={`${mine ? 'You' : nameOf(user)}, ${timeOf(at)}`}
      data-state={state}
    >
      {!mine && (
        <span className="message__face">{last && <Avatar user={user} size="1.875rem" />}</span>
      )}
      <div className="message__body">
        {first && !mine && <p className="message__who">{nameOf(user)}</p>}
        <div className="message__bubble">
          <p className="message__text">{text}</p>
          <p className="message__meta">
            <time dateTime={new Date(at).toISOString()}>{timeOf(at)}</time>
            {mine && (
              <span className="message__state" title={sending ? 'Sending' : 'The server has it'}>
                <Icon name={sending ? 'clock' : 'check'} size={13} />
                <span className="sr-only">{sending ? 'Sending' : 'Sent'}</span>
              </span>
            )}
          </p>
        </div>
      </div>
    </article>
  );
}
