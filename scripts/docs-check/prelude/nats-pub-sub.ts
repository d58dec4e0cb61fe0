import { InMemoryPubSub } from 'nestjs-redis-propagator';

/** A transport supplied by an app. */
export class NatsPubSub extends InMemoryPubSub {}
