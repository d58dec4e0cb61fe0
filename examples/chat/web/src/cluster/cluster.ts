import type { ClientSocket } from 'nestjs-redis-propagator-client';
import type { ClusterView } from '../../../shared/model.js';
import { ask } from '../net/api.js';
import type { Instances } from '../net/instances.js';
import type { Session } from '../net/session.js';
import { Store } from '../net/store.js';
import { sumOf } from '../ui/names.js';

export interface ClusterState {
  readonly view: ClusterView | null;
  /** Events a second of each instance, the newest last, for the curve. */
  readonly history: ReadonlyMap<string, readonly number[]>;
}

/** How many seconds the curve shows. */
export const CURVE_SECONDS = 40;

/** The instances, as seen by the one of this tab. */
export class Cluster {
  readonly state = new Store<ClusterState>({ view: null, history: new Map() });

  constructor(
    private readonly instances: Instances,
    private readonly session: Session,
  ) {}

  attach(socket: ClientSocket): () => void {
    const watch = (): void => {
      socket.emit('cluster:watch', true, () => undefined);
    };
    const told = (view: ClusterView): void => this.told(view);
    socket.on('connect', watch);
    socket.on('cluster', told);
    return () => {
      socket.off('connect', watch);
      socket.off('cluster', told);
    };
  }

  /** Shuts an instance down, wherever it is. @throws ApiError */
  async stop(name: string): Promise<void> {
    const token = await this.session.token();
    const path = `/cluster/instances/${encodeURIComponent(name)}/stop`;
    await ask(this.instances, { method: 'POST', path, token });
  }

  private told(view: ClusterView): void {
    this.instances.learn(view.urls);
    for (const { url, name } of view.instances) if (url !== null) this.instances.nameIs(url, name);
    this.state.update(({ history }) => ({
      view,
      history: new Map(
        view.instances.map(({ name, eventsPerSecond }) => [
          name,
          [...(history.get(name) ?? []), eventsPerSecond].slice(-CURVE_SECONDS),
        ]),
      ),
    }));
  }
}

/** One colour for each instance, see styles/tokens.css. */
export function instanceClass(name: string): string {
  const known = ['one', 'two', 'three', 'four'].indexOf(name);
  return `instance-${(known === -1 ? sumOf(name) % 4 : known) + 1}`;
}
