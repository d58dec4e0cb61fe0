import { InMemoryPubSub } from 'nestjs-redis-propagator';

/** Somebody's own transport. */
export class NatsPubSub extends InMemoryPubSub {}
