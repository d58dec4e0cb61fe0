import { useStore } from '../net/use-store.js';
import { useWorkspace } from '../workspace.js';
import { Avatar } from '../ui/avatar.js';
import { Icon } from '../ui/icon.js';
import { count, nameOf } from '../ui/names.js';
import { roomIn, type Room } from './chat-state.js';
import { Composer } from './composer.js';
import { MessageList } from './message-list.js';
import { TypingLine } from './typing-line.js';

export function ChatView() {
  const { chat } = useWorkspace();
  const state = useStore(chat.state);
  const room = roomIn(state, state.active);
  if (room !== undefined) {
    return (
      <section className="chat" aria-label="Chat">
        <RoomHead room={room} />
        <MessageList key={room.name} room={room} />
        <TypingLine typing={room.typing} />
        <Composer key={`composer ${room.name}`} room={room} />
      </section>
    );
  }
  return (
    <section className="chat chat--none" aria-label="Chat">
      {state.known ? (
        <div className="empty">
          <Icon name="chat" size={28} />
          <strong>You are in no room</strong>
          Join one to talk to somebody. Everybody meets in “lobby”.
          <button
            type="button"
            className="button button--primary"
            onClick={() => void chat.join('lobby')}
          >
            Join the lobby
          </button>
        </div>
      ) : (
        <div className="chat__loading" aria-busy="true" aria-label="Loading messages">
          {[52, 34, 61, 40].map((width) => (
            <div key={width} className="skeleton" style={{ width: `${width}%` }} />
          ))}
        </div>
      )}
    </section>
  );
}

function RoomHead({ room: { name, members } }: { readonly room: Room }) {
  const { chat, people } = useWorkspace();
  const { byId } = useStore(people.state);
  return (
    <header className="room-head">
      <div className="room-head__title">
        <h2>
          <Icon name="hash" size={18} />
          {name}
        </h2>
        <p>{count(members.length, 'member')}</p>
      </div>
      <ul className="room-head__members" aria-label="Members">
        {members.map((user) => {
          const person = byId.get(user.id);
          return (
            <li key={user.id} title={nameOf(user)}>
              <span className="sr-only">{nameOf(user)}</span>
              <Avatar
                user={user}
                size="1.75rem"
                presence={person?.online === true ? person.status : 'offline'}
              />
            </li>
          );
        })}
      </ul>
      <button
        type="button"
        className="button button--quiet button--small"
        onClick={() => void chat.leave(name)}
      >
        <Icon name="leave" />
        <span className="room-head__leave">Leave</span>
      </button>
    </header>
  );
}
