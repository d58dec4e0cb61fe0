import { useEffect, useState } from 'react';
import type { InstanceState, InstanceView } from '../../../shared/model.js';
import { useConnection, useConnectionState } from '../net/connection.js';
import { useWorkspace } from '../workspace.js';
import { Icon } from '../ui/icon.js';
import { count, durationOf } from '../ui/names.js';
import { Sparkline } from '../ui/sparkline.js';
import { CURVE_SECONDS, instanceClass } from './cluster.js';

const STATES: Record<InstanceState, { tone: string; text: string }> = {
  starting: { tone: 'warn', text: 'Starting' },
  ready: { tone: 'good', text: 'Ready' },
  degraded: { tone: 'bad', text: 'Without Redis' },
  draining: { tone: 'warn', text: 'Stopping' },
  stopped: { tone: '', text: 'Stopped' },
  lost: { tone: 'bad', text: 'Lost' },
  unknown: { tone: '', text: 'Unknown' },
};
const RUNNING = new Set<InstanceState>(['starting', 'ready', 'degraded', 'unknown']);
const CONFIRM_MS = 3000;

interface Props {
  readonly instance: InstanceView;
  readonly curve: readonly number[];
}

export function InstanceCard({ instance, curve }: Props) {
  const { name, state, sockets, eventsPerSecond, uptimeMs, pid, url } = instance;
  const connection = useConnection();
  const { phase, instance: current } = useConnectionState();
  const here = current === name && phase === 'open';
  const running = RUNNING.has(state);
  const { tone, text } = STATES[state];
  return (
    <li
      className={`instance ${instanceClass(name)} ${here ? 'instance--here' : ''} ${running ? '' : 'instance--gone'}`}
      aria-label={`Instance ${name}`}
      data-state={state}
    >
      <div className="instance__head">
        <span className="instance__mark" />
        <h3>{name}</h3>
        <span className={`badge badge--${tone}`}>{text}</span>
        {here && <span className="badge badge--instance instance__here">This tab</span>}
      </div>
      {running ? (
        <>
          <div className="instance__flow">
            <p className="instance__rate tabular">
              <strong>{eventsPerSecond}</strong> events/s
            </p>
            <Sparkline values={curve} length={CURVE_SECONDS} />
          </div>
          <p className="instance__facts tabular">
            <span>{count(sockets, 'socket')}</span>
            <span>up {durationOf(uptimeMs)}</span>
            <span>pid {pid}</span>
          </p>
          <div className="instance__actions">
            <StopButton name={name} disabled={phase !== 'open'} />
            {phase === 'open' && !here && url !== null && (
              <button
                type="button"
                className="button button--small"
                onClick={() => connection.moveTo(url)}
              >
                Move this tab here
              </button>
            )}
          </div>
        </>
      ) : (
        <p className="instance__away">
          {state === 'draining' ? 'Sending its clients to the others.' : 'It may come back.'}
        </p>
      )}
    </li>
  );
}

/** Asks for confirmation, because a wrong click would move all clients. */
function StopButton({ name, disabled }: { readonly name: string; readonly disabled: boolean }) {
  const { cluster, toasts } = useWorkspace();
  const [sure, setSure] = useState(false);

  useEffect(() => {
    if (!sure) return undefined;
    const timer = setTimeout(() => setSure(false), CONFIRM_MS);
    return () => clearTimeout(timer);
  }, [sure]);

  const click = async (): Promise<void> => {
    if (!sure) {
      setSure(true);
      return;
    }
    setSure(false);
    try {
      await cluster.stop(name);
    } catch (error) {
      const text = error instanceof Error ? error.message : 'That did not work.';
      toasts.show({ tone: 'bad', title: `${name} was not stopped`, text });
    }
  };

  return (
    <button
      type="button"
      className={`button button--small ${sure ? 'button--danger' : ''}`}
      disabled={disabled}
      onClick={() => void click()}
    >
      <Icon name="stop" size={13} />
      {sure ? 'Really stop it?' : 'Stop'}
    </button>
  );
}
