import { useConnectionState } from '../net/connection.js';
import { instanceClass } from '../cluster/cluster.js';
import { Logo } from './logo.js';
import { ThemeToggle } from './theme-toggle.js';
import { UserMenu } from './user-menu.js';

export function Header() {
  return (
    <header className="header">
      <h1 className="header__brand">
        <Logo />
      </h1>
      <ConnectionPill />
      <ThemeToggle />
      <UserMenu />
    </header>
  );
}

/** The instance of this tab. */
function ConnectionPill() {
  const { phase, instance, url } = useConnectionState();
  const name = instance ?? new URL(url).host;
  const text = {
    connecting: 'Connecting',
    moving: 'Moving to',
    offline: 'Offline',
    open: 'Connected to',
  }[phase];
  return (
    <p
      className={`pill pill--${phase} ${instanceClass(name)}`}
      role="status"
      aria-label="Connection"
    >
      {phase === 'open' ? <span className="pill__dot" /> : <span className="spinner" />}
      <span className="pill__text">{text}</span>
      {phase !== 'offline' && <strong>{name}</strong>}
    </p>
  );
}
