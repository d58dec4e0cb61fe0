// @ts-check
import { isFree } from '../probe.mjs';

// Below the ports that kernels assign themselves (from 32768 on Linux), including the bus of a Cluster, which is
// 10,000 above its port: nothing else takes a port while its server is being killed and restarted.
const FIRST = 10_000;
const COUNT = 10_000;
/** The port of a node's bus is so much above that of its clients. */
export const BUS = 10_000;

/** A port that is free, with a free port 10,000 above it. */
export async function quietPort() {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if ((await isFree(port)) && (await isFree(port + BUS))) return port;
  }
}
