/** The name under which metrics and spans are made. @internal */
export const SCOPE = 'nestjs-redis-propagator';
