import type { PresenceFacts, Report, SocketSpan } from './presence-facts.js';
import { history, show } from './presence-history.js';

/** Tolerance in ms: clocks are read at different places. */
const TICK_MS = 2;

/**
 * Compares reports with what really happened. For each user:
 *
 * - `online` and `offline` alternate, beginning with `online`, in the order of their timestamps.
 * - No change is reported twice.
 * - `online` names a moment when the user had a socket, or had had one that could not be reported earlier.
 * - `offline` names a moment at least one grace period after the last socket that the cluster certainly knew.
 * - Without a fault both reports come promptly: a visit to a healthy instance is reported however short it was.
 * - At rest the last report gives the true state.
 *
 * Accepted deviations, because no instance can know better:
 *
 * - An instance reported a change and was killed (or given up) before it could acknowledge it in Redis: another one
 *   reports it again.
 * - An instance ended, was frozen or could not reach Redis while Redis lost its data: the changes that only this
 *   instance knew, or that Redis had handed to it, are lost, and a report of its users may be missing.
 * - An instance that starts right after Redis has lost its data, before the others have reported their users, takes
 *   every user for new.
 * - During one lease after Redis has lost its data `online` may be late, and a visit in that time may not be
 *   reported.
 *
 * @returns a complaint for each rule that does not hold
 */
export function complaintsAbout(facts: PresenceFacts): string[] {
  const users = new Set([...facts.spans, ...facts.reports].map(({ user }) => user));
  const complaints = [...users].flatMap((user) => {
    const ofUser = judgeUser(facts, user);
    return ofUser.length === 0 ? [] : ofUser.concat(history(facts, user));
  });
  return [...complaints, ...unlikePublished(facts)];
}

/** Each change is published once, when it happens, whichever instance reports it. */
function unlikePublished({ published, reports, losses }: PresenceFacts): string[] {
  if (published === undefined) return [];
  const told = new Set(published);
  const reported = new Set(reports.map(({ type, user, at }) => `${type} ${user} ${at}`));
  return [
    ...(told.size < published.length ? [`published twice: ${published.join(', ')}`] : []),
    ...[...reported]
      .filter((report) => !told.has(report))
      .map((report) => `not published: ${report}`),
    // When Redis loses its data it also loses published changes that were not reported yet.
    ...[...(losses.length === 0 ? told : [])]
      .filter((report) => !reported.has(report))
      .map((report) => `published and not reported: ${report}`),
  ];
}

function judgeUser(facts: PresenceFacts, user: string): string[] {
  const spans = facts.spans.filter((span) => span.user === user);
  const all = facts.reports.filter((report) => report.user === user);
  const reports = inOrder(once(all));
  return [
    ...twice(facts, all),
    ...outOfTurn(facts, spans, reports),
    ...reports.flatMap((report) => unfounded(facts, spans, report)),
    ...missing(facts, spans, reports),
  ];
}

const sameness = ({ type, at }: Report): string => `${type} ${at}`;

function once(reports: readonly Report[]): Report[] {
  return [...new Map(reports.toReversed().map((report) => [sameness(report), report])).values()];
}

/** Sorts `offline` before the `online` of the same millisecond, if there is a grace period. */
function inOrder(reports: readonly Report[]): Report[] {
  return reports.toSorted((a, b) => a.at - b.at || a.type.localeCompare(b.type));
}

function twice(facts: PresenceFacts, reports: readonly Report[]): string[] {
  const seen = new Map<string, Report>();
  return reports.flatMap((report) => {
    const first = seen.get(sameness(report));
    seen.set(sameness(report), report);
    if (first === undefined || couldNotSaySo(facts, first)) return [];
    return [`${show(report)} was reported before, by ${first.instance}`];
  });
}

/** Whether the reporting instance may have failed between its report and the acknowledgement in Redis. */
function couldNotSaySo(facts: PresenceFacts, { instance, heardAt }: Report): boolean {
  const by = facts.doneBy(instance, heardAt);
  const end = facts.endOf(instance);
  if (end?.crashed === true && end.at <= by) return true;
  return facts
    .troublesOf(instance)
    .some((trouble) => facts.isLong(trouble) && trouble.from <= by && trouble.to >= heardAt);
}

function outOfTurn(
  facts: PresenceFacts,
  spans: readonly SocketSpan[],
  reports: readonly Report[],
): string[] {
  const complaints: string[] = [];
  const forgotten = forgettings(facts, spans, reports);
  /** Excuses one missing report of a user for each time that Redis and the instance forgot the user together. */
  const excuse = (at: number): boolean => {
    const index = forgotten.findIndex((moment) => moment <= at);
    if (index < 0) return false;
    forgotten.splice(index, 1);
    return true;
  };
  let online = false;
  for (const report of reports) {
    const comes = report.type === 'online';
    if (comes === online && !excuse(report.at)) complaints.push(`out of turn: ${show(report)}`);
    online = comes;
  }
  const isOnline = spans.some(({ to }) => to === Infinity);
  if (online !== isOnline && !excuse(Infinity)) {
    complaints.push(`at rest ${isOnline ? 'online' : 'offline'}, and reported otherwise`);
  }
  return complaints;
}

/** The times when Redis lost its data while an instance that had to remember the user was down. */
function forgettings(
  facts: PresenceFacts,
  spans: readonly SocketSpan[],
  reports: readonly Report[],
): number[] {
  const { graceMs, leaseMs, heartbeatMs, promptMs } = facts.timing;
  return facts.losses.flatMap((loss) => {
    const { at, until } = loss;
    const wasOnline = reports.findLast((report) => report.at <= at)?.type === 'online';
    const instances = new Set(
      spans
        .filter(({ instance, from, to }) => {
          const settledBy = facts.doneBy(instance, to) + heartbeatMs + graceMs + promptMs;
          const knowsBy = until + heartbeatMs + promptMs;
          return from <= knowsBy && (wasOnline || settledBy + leaseMs >= at);
        })
        .map((span) => span.instance),
    );
    return [...instances].flatMap((instance) => {
      const end = facts.endOf(instance);
      const endedThen =
        end !== undefined &&
        end.at <= facts.doneBy(instance, until) + heartbeatMs &&
        // Only by then have the others certainly taken over its users and reported them, at the second attempt.
        end.at >= at - 2 * (leaseMs + heartbeatMs + promptMs) - graceMs;
      const away = facts.troublesOf(instance).find(({ from, to }) => from <= until && to >= at);
      const wasAway = away !== undefined && away.to > at + facts.sureOfLeaseMs;
      // Changes handed to the instance since it became unreachable may be lost, too.
      const since = Math.min(at, away?.from ?? at, end?.at ?? at) - promptMs;
      const wasUnsure =
        facts.wasInTroubleBefore(instance, at) || facts.startedDuring(instance, loss);
      return endedThen || wasAway || wasUnsure ? [since] : [];
    });
  });
}

function unfounded(facts: PresenceFacts, spans: readonly SocketSpan[], report: Report): string[] {
  const founded = report.type === 'online' ? mayComeOnline : mayGoOffline;
  return founded(facts, spans, report.at) ? [] : [`without cause: ${show(report)}`];
}

function mayComeOnline(facts: PresenceFacts, spans: readonly SocketSpan[], at: number): boolean {
  const { leaseMs, heartbeatMs } = facts.timing;
  return spans.some(({ instance, from, to }) => {
    if (at < from - TICK_MS) return false;
    const by = facts.doneBy(instance, to) + heartbeatMs;
    if (!isHeld(facts, instance, from, by)) return at <= by;
    // The instance that had to process it may have ended. Then another one takes over, which may have to start
    // first.
    return facts.endOf(instance) !== undefined || at <= by + leaseMs;
  });
}

function mayGoOffline(facts: PresenceFacts, spans: readonly SocketSpan[], at: number): boolean {
  const graceFrom = at - facts.timing.graceMs + TICK_MS;
  return !spans.some((span) =>
    certainParts(facts, span).some(({ from, to }) => from < at && to > graceFrom),
  );
}

/** The time when the cluster certainly knew the socket. */
function certainParts(facts: PresenceFacts, span: SocketSpan): { from: number; to: number }[] {
  const { promptMs } = facts.timing;
  let from = facts.doneBy(span.instance, span.from);
  const parts: { from: number; to: number }[] = [];
  for (const trouble of facts.troublesOf(span.instance)) {
    if (trouble.to < from || !facts.isLong(trouble)) continue;
    parts.push({ from, to: Math.min(span.to, trouble.from + facts.sureOfLeaseMs - promptMs) });
    from = Math.max(from, trouble.to + promptMs);
  }
  parts.push({ from, to: span.to });
  return parts.filter((part) => part.from < part.to);
}

/** Sockets that were not affected by any fault must have been reported. */
function missing(
  facts: PresenceFacts,
  spans: readonly SocketSpan[],
  reports: readonly Report[],
): string[] {
  const { graceMs, promptMs } = facts.timing;
  const reported = (type: Report['type'], from: number): boolean =>
    reports.some(
      (report) =>
        report.type === type &&
        report.at >= from - TICK_MS &&
        report.at <= from + promptMs &&
        report.heardAt <= from + 2 * promptMs,
    );
  return spans.flatMap((span) => {
    if (!isAlone(facts, spans, reports, span)) return [];
    const { instance, from, to } = span;
    const comes = isSound(facts, instance, from, from + 2 * promptMs);
    const wasKnown = certainParts(facts, span).some((part) => part.to === to) || comes;
    const goes =
      to < Infinity && wasKnown && isSound(facts, instance, to, to + graceMs + 2 * promptMs);
    return [
      ...(comes && !reported('online', from) ? [`no prompt online of the socket at ${from}`] : []),
      ...(goes && !reported('offline', to + graceMs)
        ? [`no prompt offline of the socket at ${from}`]
        : []),
    ];
  });
}

/** Whether no other socket of the user can suppress the report. */
function isAlone(
  facts: PresenceFacts,
  spans: readonly SocketSpan[],
  reports: readonly Report[],
  span: SocketSpan,
): boolean {
  const { graceMs, promptMs } = facts.timing;
  if (reports.findLast(({ at }) => at <= span.from)?.type === 'online') return false;
  return spans.every((other) => {
    if (other === span) return true;
    if (other.from > span.from) return other.from > span.to + graceMs + 2 * promptMs;
    return facts.doneBy(other.instance, other.to) < span.from;
  });
}

/** Whether an instance could update the store and report without delay for the whole interval. */
function isSound(facts: PresenceFacts, instance: string, from: number, until: number): boolean {
  const end = facts.endOf(instance);
  if (until > Date.now() || (end !== undefined && end.at <= until)) return false;
  if (isHeld(facts, instance, from, until)) return false;
  return facts
    .troublesOf(instance)
    .every((trouble) => trouble.to + facts.timing.promptMs < from || trouble.from > until);
}

/** After data loss an instance holds `online` back for one lease. */
function isHeld(facts: PresenceFacts, instance: string, from: number, until: number): boolean {
  const { leaseMs, heartbeatMs, graceMs } = facts.timing;
  return facts.losses.some(
    (loss) =>
      loss.at <= until &&
      facts.doneBy(instance, loss.until) + heartbeatMs + leaseMs + graceMs >= from,
  );
}
