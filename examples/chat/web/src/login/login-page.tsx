import { useState, type FormEvent } from 'react';
import type { Session } from '../net/session.js';
import { DEMO_PASSWORD, DEMO_USERS } from '../../../shared/rules.js';
import { useStore } from '../net/use-store.js';
import { Logo } from '../shell/logo.js';
import { ThemeToggle } from '../shell/theme-toggle.js';
import { Avatar } from '../ui/avatar.js';
import { ErrorText } from '../ui/error-text.js';
import { nameOf } from '../ui/names.js';

export function LoginPage({ session }: { readonly session: Session }) {
  const farewell = useStore(session.farewell);
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  const login = async (as: string, secret: string): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      await session.login(as, secret);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : 'That did not work.');
      setBusy(false);
    }
  };

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void login(name.trim().toLowerCase(), password);
  };

  return (
    <div className="login">
      <header className="login__top">
        <Logo />
        <ThemeToggle />
      </header>
      <main className="login__main">
        <section className="login__pitch">
          <h1>
            Two servers. <br />
            One conversation.
          </h1>
          <p>
            Relay is a chat that runs on several instances and feels like one. Open it as two
            people, stop a server in the middle of a sentence, and see that nothing gets lost.
          </p>
          <LoginArt />
        </section>
        <section className="login__card" aria-label="Log in">
          {farewell !== null && (
            <p className="login__farewell" role="status">
              {farewell}
            </p>
          )}
          <h2>Who are you today?</h2>
          <ul className="login__people">
            {DEMO_USERS.map((id) => (
              <li key={id}>
                <button
                  type="button"
                  className="login__person"
                  disabled={busy}
                  onClick={() => void login(id, DEMO_PASSWORD)}
                >
                  <Avatar user={{ id, name: id }} size="2.75rem" />
                  <span>{nameOf({ id, name: id })}</span>
                </button>
              </li>
            ))}
          </ul>
          <p className="login__or">
            <span>or with name and password</span>
          </p>
          <form className="login__form" onSubmit={submit} noValidate>
            <div className="field">
              <label className="field__label" htmlFor="name">
                Name
              </label>
              <input
                id="name"
                className="input"
                autoComplete="username"
                autoCapitalize="none"
                spellCheck={false}
                value={name}
                onChange={({ target }) => setName(target.value)}
                aria-invalid={problem !== null}
                aria-describedby="login-problem"
              />
            </div>
            <div className="field">
              <label className="field__label" htmlFor="password">
                Password
              </label>
              <input
                id="password"
                className="input"
                type="password"
                autoComplete="current-password"
                value={password}
                onChange={({ target }) => setPassword(target.value)}
                aria-invalid={problem !== null}
                aria-describedby="login-problem"
              />
            </div>
            <div id="login-problem">{problem !== null && <ErrorText>{problem}</ErrorText>}</div>
            <button type="submit" className="button button--primary login__submit" disabled={busy}>
              {busy ? <span className="spinner" aria-label="Logging in" /> : 'Log in'}
            </button>
            <p className="login__hint">
              This is a demo: everybody’s password is <code className="mono">{DEMO_PASSWORD}</code>
            </p>
          </form>
        </section>
      </main>
    </div>
  );
}

/** A message on its way from one instance to the other. */
function LoginArt() {
  return (
    <svg className="login__art" viewBox="0 0 440 150" aria-hidden="true">
      <path className="login__wire" d="M92 75C150 75 150 75 180 75M260 75C300 75 300 75 348 75" />
      <path className="login__pulse" d="M92 75H348" />
      <g className="instance-1">
        <rect className="login__node" x="10" y="45" width="82" height="60" rx="16" />
        <text x="51" y="80">
          one
        </text>
      </g>
      <g className="login__redis">
        <rect className="login__node" x="180" y="45" width="80" height="60" rx="30" />
        <text x="220" y="80">
          Redis
        </text>
      </g>
      <g className="instance-2">
        <rect className="login__node" x="348" y="45" width="82" height="60" rx="16" />
        <text x="389" y="80">
          two
        </text>
      </g>
    </svg>
  );
}
