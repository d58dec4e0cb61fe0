/**
 * The types of an app, declared once for all of its files:
 *
 * ```ts
 * declare module 'nestjs-redis-propagator' {
 *   interface PropagatorTypes {
 *     contract: typeof contract;
 *     claims: { role: 'admin' | 'member' };
 *     data: { locale?: string };
 *   }
 * }
 * ```
 *
 * `contract` types `RedisPropagatorService`, `@On` and the events of `AuthenticatedSocket`; `claims` types `socket.auth` and
 * `@CurrentUser('role')`; `data` types `socket.data`. Each may be left out.
 */
// It is there to be augmented.
// oxlint-disable-next-line typescript/no-empty-object-type, typescript/no-empty-interface
export interface PropagatorTypes {}

/** The contract of the app; `unknown`, any event, if none is declared. */
export type AppContract = PropagatorTypes extends { contract: infer Contract } ? Contract : unknown;

/** The claims of the app's tokens. */
export type AppClaims = PropagatorTypes extends { claims: infer Claims extends object }
  ? Claims
  : object;

/** The type of `socket.data`, besides the id of the user. */
export type AppSocketData = PropagatorTypes extends { data: infer Data extends object }
  ? Data
  : object;
