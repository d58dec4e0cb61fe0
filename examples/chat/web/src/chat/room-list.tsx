import { useState, type FormEvent } from 'react';
import { useStore } from '../net/use-store.js';
import { useWorkspace } from '../workspace.js';
import { ErrorText } from '../ui/error-text.js';
import { Icon } from '../ui/icon.js';

export function RoomList({ onChosen }: { readonly onChosen: () => void }) {
  const { chat } = useWorkspace();
  const { rooms, active, known } = useStore(chat.state);
  return (
    <nav className="panel rooms" aria-labelledby="rooms-heading">
      <div className="panel__head">
        <h2 id="rooms-heading">Rooms</h2>
      </div>
      {!known && (
        <div className="rooms__list" aria-busy="true" aria-label="Loading rooms">
          <div className="skeleton rooms__skeleton" />
        </div>
      )}
      <ul className="rooms__list">
        {rooms.map(({ name, unread }) => (
          <li key={name}>
            <button
              type="button"
              className="room-link"
              aria-current={name === active ? 'true' : undefined}
              onClick={() => {
                chat.show(name);
                onChosen();
              }}
            >
              <Icon name="hash" size={15} />
              <span className="room-link__name">{name}</span>
              {unread > 0 && (
                <span className="room-link__unread" aria-label={`${unread} unread`}>
                  {unread}
                </span>
              )}
            </button>
          </li>
        ))}
      </ul>
      <JoinRoom onJoined={onChosen} />
    </nav>
  );
}

/** The server decides which names are valid, and its error is shown below the input. */
function JoinRoom({ onJoined }: { readonly onJoined: () => void }) {
  const { chat } = useWorkspace();
  const [name, setName] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (name.trim() === '') return;
    setBusy(true);
    const answer = await chat.join(name.trim());
    setBusy(false);
    setProblem(answer);
    if (answer !== null) return;
    setName('');
    onJoined();
  };

  return (
    <form className="join" onSubmit={(event) => void submit(event)} noValidate>
      <label className="sr-only" htmlFor="join-room">
        Join a room
      </label>
      <input
        id="join-room"
        className="input input--small"
        placeholder="Join a room"
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        value={name}
        aria-invalid={problem !== null}
        aria-describedby="join-problem"
        onChange={({ target }) => {
          setName(target.value);
          setProblem(null);
        }}
      />
      <button
        type="submit"
        className="icon-button icon-button--small"
        aria-label="Join"
        disabled={busy}
      >
        <Icon name="plus" />
      </button>
      <div id="join-problem" className="join__problem">
        {problem !== null && <ErrorText>{problem}</ErrorText>}
      </div>
    </form>
  );
}
