import type { Subscription } from 'rxjs';
import type { ClusterService } from '../cluster/cluster.service.js';
import type { ClusterMember } from '../cluster/members.js';
import type { Reporter } from '../reporting/reporter.js';
import { guarded } from '../reporting/timers.js';

/** How many contracts are reported. More are forged. */
const MAX_REPORTED = 16;

/** The contracts of all instances, by their hash: that of this instance first. @internal */
export function contractsOf(cluster: Pick<ClusterService, 'members'>): string[] {
  const all = new Set(cluster.members().flatMap(({ contract }) => contract ?? []));
  return [...all].slice(0, MAX_REPORTED);
}

/** Reports each other contract in the cluster once. @internal */
export class ContractWatch {
  private readonly known = new Set<string>();
  private subscription: Subscription | undefined;

  constructor(
    private readonly cluster: ClusterService,
    private readonly reporter: Reporter,
  ) {}

  start(): void {
    const failed = this.reporter.failure('heartbeat.failed', () => 'contracts of other instances');
    this.subscription = this.cluster.changes$.subscribe(
      guarded(failed, ({ type, member }) => {
        if (type === 'joined') this.joined(member);
      }),
    );
  }

  close(): void {
    this.subscription?.unsubscribe();
  }

  private joined({ instanceId, contract }: ClusterMember): void {
    const own = this.cluster.self.contract;
    if (own === undefined || contract === undefined || contract === own) return;
    if (this.known.has(contract) || this.known.size >= MAX_REPORTED) return;
    this.known.add(contract);
    this.reporter.report(
      'contract.differs',
      () =>
        `instance ${instanceId} has the contract ${contract}, and this instance ${own}, as during a deploy. Events that ` +
        'only one of them has, or that differ, may not be understood by the clients of the other.',
    );
  }
}
