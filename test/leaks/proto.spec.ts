import { it } from '@jest/globals';
import { TestProcess } from './support/test-process.js';
import { comeAndGo } from './support/load.js';
import { until } from '../support/until.js';
it('x', async () => {
  let t = Date.now(); const lap = (s: string) => { console.log(s, Date.now() - t); t = Date.now(); };
  const app = await TestProcess.start('test/leaks/app/main.ts');
  lap('start');
  const urls = await app.call<string[]>('urls');
  const before = await app.call<any>('census');
  console.log(JSON.stringify(before[0], null, 1), await app.call('heap'));
  for (let r = 0; r < 5; r++) {
    for (let b = 0; b < 10; b++) await comeAndGo(app, urls);
    lap('round');
    await until(async () => (await app.call('openQuestions')) === 0, () => 'open');
    await until(async () => JSON.stringify(await app.call('census')) === JSON.stringify(before), () => 'census').catch(e => console.log(e.message));
    lap('settle');
    console.log(await app.call('heap'));
    lap('heap');
  }
  const after = await app.call<any>('census');
  for (const k of ['maps','listeners','sockets']) for (const [key, v] of Object.entries(after[0][k])) if (before[0][k][key] !== v) console.log(k, key, before[0][k][key], v);
  for (const k of ['maps','listeners','sockets']) for (const [key, v] of Object.entries(before[0][k])) if (!(key in after[0][k])) console.log(k, key, v);
  await app.call('close'); console.log(await app.ended()); lap('end');
}, 200000);
