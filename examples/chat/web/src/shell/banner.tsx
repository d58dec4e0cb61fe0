import { useConnection, useConnectionState } from '../net/connection.js';
import { useStore } from '../net/use-store.js';
import { useWorkspace } from '../workspace.js';
import { Icon } from '../ui/icon.js';
import { count } from '../ui/names.js';

/** The current problem, and what it means for the reader. */
export function Banner() {
  const { chat, cluster } = useWorkspace();
  const connection = useConnection();
  const { phase, left } = useConnectionState();
  const { view } = useStore(cluster.state);
  const waiting = useStore(chat.outbox.unsent).length;
  const kept = waiting === 0 ? '' : ` ${count(waiting, 'message')} will be sent then.`;

  if (phase === 'offline') {
    return (
      <div className="banner banner--bad" role="alert">
        <Icon name="alert" />
        <p>
          <strong>No server answers.</strong> You can go on writing; we keep trying.{kept}
        </p>
        <button
          type="button"
          className="button button--small"
          onClick={() => connection.socket.reconnect()}
        >
          Try now
        </button>
      </div>
    );
  }
  if (phase === 'moving') {
    return (
      <div className="banner" role="status">
        <span className="spinner" />
        <p>
          <strong>{left === null ? 'Looking for a server.' : `Left instance ${left}.`}</strong>{' '}
          Connecting to the next one.{kept}
        </p>
      </div>
    );
  }
  if (phase === 'open' && view !== null && view.redis.state !== 'ready') {
    return (
      <div className="banner banner--warn" role="alert">
        <Icon name="database" />
        <p>
          <strong>Redis is away.</strong> The instances cannot hear each other. What you write is
          kept and sent when it is back.
        </p>
      </div>
    );
  }
  return null;
}
