import { REDIS_PROPAGATOR_OPTIONS } from '../nest/tokens.js';
import type { RedisPropagatorOptions } from '../options/propagator-options.js';
import { InMemoryBus, InMemoryPubSub } from '../redis/in-memory-pub-sub.js';

/** What is needed of `TestingModuleBuilder` of `@nestjs/testing`. */
interface Builder<Self> {
  overrideProvider(token: symbol): { useValue(value: RedisPropagatorOptions): Self };
}

/**
 * Lets an app under test run without Redis, its other options of `forRoot` replaced by those given here. Apps
 * that share a bus are instances of one cluster.
 *
 * ```ts
 * const bus = new InMemoryBus();
 * const builder = Test.createTestingModule({ imports: [AppModule] });
 * const module = await useInMemory(builder, { bus, auth }).compile();
 * ```
 */
export function useInMemory<Self extends Builder<Self>>(
  builder: Self,
  {
    bus = new InMemoryBus(),
    ...options
  }: Omit<RedisPropagatorOptions, 'redis' | 'pubSub'> & { bus?: InMemoryBus } = {},
): Self {
  return builder
    .overrideProvider(REDIS_PROPAGATOR_OPTIONS)
    .useValue({ ...options, pubSub: new InMemoryPubSub(bus) });
}
