import type { ClusterView } from '../../../shared/model.js';
import { useConnectionState } from '../net/connection.js';
import { useStore } from '../net/use-store.js';
import { useWorkspace } from '../workspace.js';
import { Icon } from '../ui/icon.js';
import { InstanceCard } from './instance-card.js';

const REDIS: Record<ClusterView['redis']['state'], { tone: string; text: string }> = {
  connecting: { tone: 'warn', text: 'Connecting' },
  ready: { tone: 'good', text: 'Ready' },
  degraded: { tone: 'bad', text: 'Away' },
  closed: { tone: 'bad', text: 'Closed' },
};

export function ClusterPanel() {
  const { cluster } = useWorkspace();
  const { view, history } = useStore(cluster.state);
  const { phase } = useConnectionState();
  return (
    <section className="panel cluster" aria-labelledby="cluster-heading">
      <div className="panel__head">
        <h2 id="cluster-heading">Cluster</h2>
        {view !== null && phase === 'open' && <span className="badge badge--live">Live</span>}
      </div>
      {view === null ? (
        <div aria-busy="true" aria-label="Loading the cluster" className="cluster__cards">
          <div className="skeleton cluster__skeleton" />
          <div className="skeleton cluster__skeleton" />
        </div>
      ) : (
        <div className={phase === 'open' ? '' : 'is-stale'}>
          <dl className="figures">
            <div className="figure">
              <dt>People</dt>
              <dd className="tabular">{view.total.users}</dd>
            </div>
            <div className="figure">
              <dt>Sockets</dt>
              <dd className="tabular">{view.total.sockets}</dd>
            </div>
            <div className={`figure figure--${REDIS[view.redis.state].tone}`}>
              <dt>
                <Icon name="database" size={12} /> Redis
              </dt>
              <dd>{REDIS[view.redis.state].text}</dd>
            </div>
          </dl>
          <ul className="cluster__cards">
            {view.instances.map((instance) => (
              <InstanceCard
                key={instance.name}
                instance={instance}
                curve={history.get(instance.name) ?? []}
              />
            ))}
          </ul>
        </div>
      )}
    </section>
  );
}
