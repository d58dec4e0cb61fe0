// Symbol.for, because an app may load this package twice, as ESM and as CommonJS, and the tokens must be the same.

/** The publishing ioredis client, for commands of the app; `null` with another transport than Redis. */
export const REDIS_PUBLISHER_CLIENT = Symbol.for('nestjs-redis-propagator:publisher-client');

/** The subscribed ioredis client; `null` with another transport than Redis. */
export const REDIS_SUBSCRIBER_CLIENT = Symbol.for('nestjs-redis-propagator:subscriber-client');

/** The transport, see `PubSub`. */
export const PUB_SUB = Symbol.for('nestjs-redis-propagator:pub-sub');

/** @internal */
export const RUNTIME = Symbol.for('nestjs-redis-propagator:runtime');

/** Whether `forRoot` or `forRootAsync` created a module. @internal */
export const CONFIGURED = Symbol.for('nestjs-redis-propagator:configured');

/** Marks each SocketStateAdapter. @internal */
export const ADAPTER = Symbol.for('nestjs-redis-propagator:adapter');

/** Options that a test puts in place of those of the app; `null` outside of tests. @internal */
export const TEST_OPTIONS = Symbol.for('nestjs-redis-propagator:test-options');

/**
 * The options as given by the app. Override this provider in tests of your app, see
 * `docs/testing-your-gateways.md`.
 */
export const REDIS_PROPAGATOR_OPTIONS = Symbol.for('nestjs-redis-propagator:options');
