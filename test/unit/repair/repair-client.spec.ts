import { expect, describe, it } from '@jest/globals';
import type { ClusterRequests, RequestToCluster } from '../../../src/cluster/cluster-requests.js';
import type { ClusterService } from '../../../src/cluster/cluster.service.js';
import { newOutage, extend } from '../../../src/repair/outage.js';
import type { RequestOutcome } from '../../../src/cluster/pending-request.js';
import { RepairClient } from '../../../src/repair/repair-client.js';
import { Deferred } from '../../support/deferred.js';
import { until } from '../../support/until.js';

const AT_ONCE = 4;
const INSTANCES = Array.from({ length: 20 }, (_, i) => (i + 1).toString(16).padStart(16, '0'));
const exceptOf = ({ params }: RequestToCluster): string[] =>
  (params as { except: string[] }).except;

/** An instance that has missed events of very many others, and its repair requests. */
class Asking {
  readonly interruption = newOutage(0, new Map());
  /** The members while it asks. */
  members = INSTANCES;
  /** Instances that receive its requests. */
  there = INSTANCES;
  isCurrent = true;
  readonly asked: RequestToCluster[] = [];
  /** Called with the number of each answered request. */
  onAnswer: (count: number) => void = () => {};
  /** The gate that delays the reply of each instance. */
  waitFor: (to: string | undefined) => Promise<void> | undefined = () => undefined;
  /** The highest number of instances that replied with everything at once. */
  most = 0;
  private sending = 0;
  private readonly questions: RepairClient;

  constructor() {
    extend(this.interruption, () => true, INSTANCES);
    const cluster = {
      self: { instanceId: 'f'.repeat(16) },
      otherMembers: () => this.members.map((instanceId) => ({ instanceId })),
    } as unknown as ClusterService;
    const requests = {
      request: (question: RequestToCluster) => this.answer(question),
    } as unknown as ClusterRequests;
    const answers = { deliver: () => {}, release: () => {} };
    this.questions = new RepairClient({ requests, cluster, channels: () => [] }, answers, 1_000);
  }

  ask(): Promise<RequestOutcome> {
    const isCurrent = () => this.isCurrent;
    return this.questions.ask(this.interruption, { isWanted: () => true, isCurrent });
  }

  joined(instanceId: string): void {
    this.questions.enqueue(instanceId);
  }

  private async answer(question: RequestToCluster): Promise<RequestOutcome> {
    const { to } = question;
    this.asked.push(question);
    const heard = this.there.filter((origin) => to === undefined || to === origin);
    const sending = heard.filter((origin) => !exceptOf(question).includes(origin));
    this.sending += sending.length;
    this.most = Math.max(this.most, this.sending);
    await new Promise((resolve) => setImmediate(resolve));
    await this.waitFor(to);
    this.sending -= sending.length;
    this.onAnswer(this.asked.length);
    // Instances that are asked to send nothing say that they have nothing to send.
    for (const origin of heard) question.onReplied?.(origin);
    const missing = to === undefined || heard.length > 0 ? [] : [to];
    return { replied: heard, missing, complete: missing.length === 0 };
  }
}

describe('an instance that has missed events of very many others', () => {
  it('asks only a few at a time of the instances that it has meanwhile given up as members', async () => {
    const asking = new Asking();
    asking.members = [];
    expect(await asking.ask()).toMatchObject({ complete: true, missing: [] });
    expect(asking.most).toBe(AT_ONCE);
    expect([...asking.interruption.repaired].toSorted()).toEqual(INSTANCES);
  });

  it('asks only a few at a time of the instances that were not there, again at the second attempt', async () => {
    const asking = new Asking();
    const [first, ...others] = INSTANCES;
    asking.there = INSTANCES.slice(0, 1);
    // All instances are back when it asks for unknown ones.
    asking.onAnswer = (count) => {
      if (count === INSTANCES.length) asking.there = INSTANCES;
    };
    const { complete, missing } = await asking.ask();
    expect(complete).toBe(false);
    expect(missing.toSorted()).toEqual(others);
    expect([...asking.interruption.repaired]).toEqual([first]);
    expect(await asking.ask()).toMatchObject({ complete: true, missing: [] });
    expect(asking.most).toBe(AT_ONCE);
    expect([...asking.interruption.repaired].toSorted()).toEqual(INSTANCES);
  });

  it('asks nobody any more after the next outage begins', async () => {
    const asking = new Asking();
    asking.onAnswer = (count) => {
      if (count < AT_ONCE) return;
      asking.isCurrent = false;
      asking.interruption.repaired.clear();
    };
    expect(await asking.ask()).toMatchObject({ complete: false });
    expect(asking.asked).toHaveLength(AT_ONCE);
    expect([...asking.interruption.repaired]).toEqual([]);
  });

  it('asks an instance that comes back before it has asked all others', async () => {
    const asking = new Asking();
    const [first = ''] = INSTANCES;
    const slow = INSTANCES.slice(-1);
    const stuck = new Deferred();
    asking.waitFor = (to) => (to === slow[0] ? stuck.promise : undefined);
    asking.there = INSTANCES.slice(1);
    const asked = asking.ask();
    await until(
      () => asking.interruption.repaired.size === INSTANCES.length - 2,
      () => 'all others to answer',
    );
    asking.there = INSTANCES;
    asking.joined(first);
    await until(
      () => asking.interruption.repaired.has(first),
      () => 'it to answer, too',
    );
    stuck.resolve();
    expect(await asked).toMatchObject({ complete: true, missing: [] });
    expect(asking.most).toBe(AT_ONCE);
  });

  it('also asks instances that it does not know', async () => {
    const asking = new Asking();
    asking.there = [...INSTANCES, 'e'.repeat(16)];
    expect(await asking.ask()).toMatchObject({ complete: true });
    expect([...asking.interruption.repaired].toSorted()).toEqual(asking.there);
  });
});
