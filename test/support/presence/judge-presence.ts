import type { PresenceFacts, Report, SocketSpan } from './presence-facts.js';
import { history, show } from './presence-history.js';

/** Clocks are read at different places. */
const TICK_MS = 2;

/**
 * What was reported against what happened. It holds, of each user:
 *
 * - `online` and `offline` alternate, beginning with `online`, in the order of the moments they name.
 * - Nothing is reported twice.
 * - `online` names a moment when the user had a socket, or had had one that could not be told of before.
 * - `offline` names a moment at least the grace period after the last socket that the cluster knew of for certain.
 * - Where nothing was wrong, both come at once: a visit on a sound instance is reported however short it was.
 * - At rest the last report says what is the case.
 *
 * What is not held against presence, since nobody can know better:
 *
 * - Who reported something and was killed (or given up) before it could say so in Redis: the next one reports it too.
 * - An instance ended, was frozen or did not reach Redis while Redis lost its data: what it alone knew, and what Redis
 *   had handed to it to be reported, is lost, and a report of its users may be missing.
 * - An instance that starts right after Redis has lost its data, before the others can say so, takes all for new.
 * - For a lease after Redis lost its data `online` may be late, and a visit in that time may not be reported.
 *
 * @returns what does not hold
 */
export function complaintsAbout(facts: PresenceFacts): string[] {
  const users = new Set([...facts.spans, ...facts.reports].map(({ user }) => user));
  const complaints = [...users].flatMap((user) => {
    const ofUser = judgeUser(facts, user);
    return ofUser.length === 0 ? [] : ofUser.concat(history(facts, user));
  });
  return [...complaints, ...unlikePublished(facts)];
}

/** Each change is published when it happens, once, whoever gets to report it. */
function unlikePublished({ published, reports, losses }: PresenceFacts): string[] {
  if (published === undefined) return [];
  const told = new Set(published);
  const reported = new Set(reports.map(({ type, user, at }) => `${type} ${user} ${at}`));
  return [
    ...(told.size < published.length ? [`published twice: ${published.join(', ')}`] : []),
    ...[...reported]
      .filter((report) => !told.has(report))
      .map((report) => `not published: ${report}`),
    // With its data Redis loses what it has handed out, and published.
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

/** `offline` goes before the `online` of the same millisecond, where there is a grace period. */
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

/** Whether a reporter may have been silenced between its report and saying so in Redis. */
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
  /** A report of a user whom Redis forgot together with the instance may be missing, once each time. */
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

/** When Redis lost its data, and an instance that would have had to remember the user ended or was away. */
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
        // Until then the others may not have taken its users over, and reported them, at the second attempt.
        end.at >= at - 2 * (leaseMs + heartbeatMs + promptMs) - graceMs;
      const away = facts.troublesOf(instance).find(({ from, to }) => from <= until && to >= at);
      const wasAway = away !== undefined && away.to > at + facts.sureOfLeaseMs;
      // What it was handed since it could not be reached, too.
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
    // Who was to settle that may have ended: then it falls to another one, which may have to be started first.
    return facts.endOf(instance) !== undefined || at <= by + leaseMs;
  });
}

function mayGoOffline(facts: PresenceFacts, spans: readonly SocketSpan[], at: number): boolean {
  const graceFrom = at - facts.timing.graceMs + TICK_MS;
  return !spans.some((span) =>
    certainParts(facts, span).some(({ from, to }) => from < at && to > graceFrom),
  );
}

/** When the cluster knew of the socket for certain. */
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

/** What came of sockets that nothing went wrong with. */
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

/** Whether nothing of the user's other sockets can be in the way of a report. */
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

/** Whether nothing kept an instance from telling and reporting at once, from the one moment to the other. */
function isSound(facts: PresenceFacts, instance: string, from: number, until: number): boolean {
  const end = facts.endOf(instance);
  if (until > Date.now() || (end !== undefined && end.at <= until)) return false;
  if (isHeld(facts, instance, from, until)) return false;
  return facts
    .troublesOf(instance)
    .every((trouble) => trouble.to + facts.timing.promptMs < from || trouble.from > until);
}

/** Who comes is held for a lease after the instance has learnt that the data are lost. */
function isHeld(facts: PresenceFacts, instance: string, from: number, until: number): boolean {
  const { leaseMs, heartbeatMs, graceMs } = facts.timing;
  return facts.losses.some(
    (loss) =>
      loss.at <= until &&
      facts.doneBy(instance, loss.until) + heartbeatMs + leaseMs + graceMs >= from,
  );
}
