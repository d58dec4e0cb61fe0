import { afterEach, describe, expect, it } from '@jest/globals';
import { DiagnosticsService } from '../../../src/observability/diagnostics.service.js';
import { othersOf } from '../../support/members.js';
import { FakeInstance } from '../../support/fake-instance.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

const INSTANCES = 16;
const PUBLISHED = 7;
const AT_ONCE = 4;

const lane = (head: number) => [{ lane: 1, server: 'fake', head, last: head }];

describe('an instance that may have missed events of very many others', () => {
  let cluster: TestCluster;
  const fakes: FakeInstance[] = [];
  const open = () => fakes.filter(({ questions }) => questions.length > 0);
  const asked = (count: number) =>
    until(
      () => open().length === count,
      () => `${count} open questions, there are ${open().length}`,
    ).then(open);

  afterEach(async () => {
    await cluster.close();
    for (const fake of fakes) fake.close();
  });

  it('asks those that have published something, a few of them at a time', async () => {
    cluster = await givenCluster()
      .of(1)
      .with(PlainGateway)
      .configured({ memberTimeoutMs: 60_000, presence: false })
      .start();
    const instance = cluster.instance(0);
    for (let i = 0; i < INSTANCES; i++) fakes.push(await FakeInstance.of(cluster));
    await Promise.all(fakes.map((fake) => fake.announce('hello', lane(0))));
    await until(
      () => othersOf(instance).length === INSTANCES,
      () => 'the instance to know the others',
    );
    instance.pubSub.reconnect?.();
    const { repair } = instance.app.get(DiagnosticsService).diagnostics();
    await until(
      () => instance.app.get(DiagnosticsService).diagnostics().repair.repairs > repair.repairs,
      () => 'it to hear again',
    );
    expect(open()).toEqual([]);
    const publishers = new Set(fakes.slice(0, PUBLISHED));
    await Promise.all(
      fakes.map((fake) => fake.announce('heartbeat', lane(publishers.has(fake) ? 3 : 0))),
    );
    for (let left = PUBLISHED; left > 0; left--) {
      const [fake] = await asked(Math.min(AT_ONCE, left));
      if (fake === undefined) throw new Error('nobody was asked');
      expect(publishers.delete(fake)).toBe(true);
      const question = await fake.asked();
      expect(question.message).toMatchObject({ operation: 'pull', params: { from: [] } });
      await fake.answer(question, { part: { pack: Buffer.alloc(0), upTo: [[1, 3]] } });
    }
    await until(
      () => !instance.app.get(DiagnosticsService).diagnostics().repair.underway,
      () => 'the end of the repair',
    );
    expect(open()).toEqual([]);
    expect(instance.counts).toEqual({});
  });
});
