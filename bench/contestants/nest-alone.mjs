// @ts-check
// A Nest app with Nest's IoAdapter, to show the cost of Nest.
import { nestApp } from './nest-app.mjs';
import { contestantOf } from './socket-io-peer.mjs';

export async function start() {
  return contestantOf(await nestApp({}), () => Promise.resolve());
}
