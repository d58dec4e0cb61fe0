import type { Reporter } from '../reporting/reporter.js';
import type { RecoveryOutcome } from '../routing/telemetry.js';

/** Why a client that comes back gets a new connection. */
export type RecoveryFailure =
  /** No instance has the session: it has ended, or its instance has. */
  | 'unknown-session'
  /** The client missed events that are too old. */
  | 'too-old'
  /** The client missed more events than are kept, or its session does not fit into messages between instances. */
  | 'too-much'
  /** The events that the client missed are not known for certain. */
  | 'not-proven'
  /** The client is another user by now. */
  | 'other-user'
  /** The instance with the session did not reply in time. */
  | 'old-instance-silent';

/** How the clients that came back fared on this instance, since its start. @internal */
export class RecoveryCounts {
  /** Connections that were recovered. */
  recovered = 0;
  /** Connections that were recovered from another instance; a part of {@link recovered}. */
  moved = 0;
  /** Events that clients missed and got. */
  events = 0;
  readonly failures = new Map<RecoveryFailure, number>();

  constructor(
    private readonly reporter: Reporter,
    private readonly told: (outcome: RecoveryOutcome) => void = () => undefined,
  ) {}

  /** @param since when the client came back, in monotonic time (`performance.now()`) */
  failed(reason: RecoveryFailure, namespace: string, since: number): void {
    this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1);
    const kind = `recovery.${reason}`;
    const line = (): string =>
      `a client of namespace ${namespace} came back and got a new connection: ${REASONS[reason]}`;
    if (isOrdinary(reason)) {
      this.reporter.fact(kind, () => `${line()}. This is ordinary; later ones are only counted`);
    } else {
      this.reporter.report(kind, line);
    }
    this.tell({ result: reason, namespace, events: 0, moved: false }, since);
  }

  succeeded(events: number, moved: boolean, namespace: string, since: number): void {
    this.recovered++;
    if (moved) this.moved++;
    this.events += events;
    this.tell({ result: 'recovered', namespace, events, moved }, since);
  }

  private tell(outcome: Omit<RecoveryOutcome, 'ms'>, since: number): void {
    this.told({ ...outcome, ms: performance.now() - since });
  }
}

/** Happens in every app: a token expires, a user logs in as another one, a laptop sleeps for an hour. */
function isOrdinary(reason: RecoveryFailure): boolean {
  return reason === 'unknown-session' || reason === 'other-user';
}

const REASONS: Readonly<Record<RecoveryFailure, string>> = {
  'unknown-session':
    'its session has ended (an expired token, a disconnect by the app, a long absence), or its instance was lost',
  'too-old': 'the events that it missed are too old',
  'too-much':
    'it missed more events than recovery.maxBytes keeps, or its session does not fit into messages of maxMessageBytes',
  'not-proven': 'it is not certain which events it missed',
  'other-user': 'it is another user now',
  'old-instance-silent': 'the instance with its session did not reply in time',
};
