import { misused } from './checks.js';

interface ClientOptions {
  /** In the query of a URL, a boolean is a text. */
  readonly stringNumbers?: unknown;
  readonly keyPrefix?: unknown;
  readonly monitor?: unknown;
  readonly role?: unknown;
  /** Options of the connections of a Cluster. */
  readonly redisOptions?: ClientOptions;
}

/** Options of ioredis with which a client seems to work but loses events, and the remedy. */
const UNUSABLE: readonly [
  name: string,
  isSet: (options: ClientOptions) => boolean,
  remedy: string,
][] = [
  [
    'stringNumbers',
    ({ stringNumbers }) => Boolean(stringNumbers),
    'Numbers in replies have to be numbers: pass one without it.',
  ],
  [
    'keyPrefix',
    ({ keyPrefix }) => Boolean(keyPrefix),
    'ioredis puts it in front of some names and not of others: pass one without it, and use the option "prefix" of this library.',
  ],
  [
    'monitor',
    ({ monitor }) => Boolean(monitor),
    'A connection that monitors takes no other commands: pass one without it.',
  ],
  [
    'role: "slave"',
    ({ role }) => role === 'slave',
    'A message published at a replica reaches only subscribers of that replica: pass one without it.',
  ],
];

/** Whether an ioredis client is a Cluster: only its class has nodes. @internal */
export function isClusterClient(client: object): boolean {
  return typeof (client as { nodes?: unknown }).nodes === 'function';
}

/** @throws PropagatorError `option.invalid` @internal */
export function checkClientOptions(option: string, client: object): void {
  const { options } = client as { options?: ClientOptions };
  if (options === undefined) return;
  for (const each of [options, options.redisOptions ?? {}]) {
    for (const [name, isSet, remedy] of UNUSABLE) {
      if (isSet(each)) throw misused(option, `a client with the option ${name}`, remedy);
    }
  }
}
