import { InMemoryPubSub } from 'nestjs-redis-propagator/testing';

/** A transport supplied by an app. */
export class NatsPubSub extends InMemoryPubSub {}
