import { afterEach, describe, expect, it } from '@jest/globals';
import { ClusterService } from '../../../src/index.js';
import { DiagnosticsService } from '../../../src/observability/diagnostics.service.js';
import { packEnvelopes } from '../../../src/wire/envelope-pack.js';
import { othersOf } from '../../support/members.js';
import { FakeInstance } from '../../support/fake-instance.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

const INSTANCES = 7;
const AT_ONCE = 4;

/** Nothing was missed. Returns the received requests. */
async function answer(fake: FakeInstance | undefined) {
  if (fake === undefined) throw new Error('nobody was asked');
  const question = await fake.asked();
  await fake.answer(question, { part: { pack: packEnvelopes([]) } });
  return question.message.params as { except: string[] };
}

describe('an instance that has missed events of very many others', () => {
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

  it('asks a few of them at a time, and finally those it does not know', async () => {
    cluster = await givenCluster()
      .of(1)
      .with(PlainGateway)
      .configured({ memberTimeoutMs: 60_000, presence: false })
      .start();
    const instance = cluster.instance(0);
    for (let i = 0; i < INSTANCES; i++) fakes.push(await FakeInstance.of(cluster));
    await Promise.all(fakes.map((fake) => fake.announce()));
    await until(
      () => othersOf(instance).length === INSTANCES,
      () => 'the instance to know the others',
    );
    instance.pubSub.reconnect?.();
    for (let left = INSTANCES; left > 0; left--) {
      const [next] = await asked(Math.min(AT_ONCE, left));
      expect((await answer(next)).except).toEqual([]);
    }
    for (const fake of await asked(INSTANCES)) {
      const { except } = await answer(fake);
      expect(except.toSorted()).toEqual(fakes.map(({ instanceId }) => instanceId).toSorted());
    }
    await until(
      () => !instance.app.get(DiagnosticsService).diagnostics().repair.underway,
      () => 'the end of the repair',
    );
    expect(instance.counts).toEqual({});
    expect(instance.app.get(ClusterService).members()).toHaveLength(INSTANCES + 1);
  });
});
