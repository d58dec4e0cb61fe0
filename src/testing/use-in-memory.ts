import { TEST_OPTIONS } from '../nest/tokens.js';
import type { RedisPropagatorOptions } from '../options/propagator-options.js';
import { InMemoryBus, InMemoryPubSub } from '../redis/in-memory-pub-sub.js';

/** The part of `TestingModuleBuilder` of `@nestjs/testing` that is needed. */
interface Builder<Self> {
  overrideProvider(token: symbol): { useValue(value: RedisPropagatorOptions): Self };
}

/**
 * Lets an app under test run without Redis. The options of the app are kept, including `auth`. Only the transport
 * is replaced, and the options given here replace those of the same name. Apps that share a bus are instances of
 * one cluster.
 *
 * ```ts
 * const bus = new InMemoryBus();
 * const builder = Test.createTestingModule({ imports: [AppModule] });
 * const module = await useInMemory(builder, { bus }).compile();
 * ```
 */
export function useInMemory<Self extends Builder<Self>>(
  builder: Self,
  {
    bus = new InMemoryBus(),
    ...options
  }: Omit<RedisPropagatorOptions, 'redis' | 'pubSub'> & { bus?: InMemoryBus | undefined } = {},
): Self {
  // Undefined options are left out: `auth: undefined` must not accept every client.
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return builder.overrideProvider(TEST_OPTIONS).useValue({
    ...Object.fromEntries(given),
    redis: undefined,
    pubSub: new InMemoryPubSub(bus),
  });
}
