/** The name of the meter and the tracer. @internal */
export const SCOPE = 'nestjs-redis-propagator';
