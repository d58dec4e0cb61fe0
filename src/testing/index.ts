export { InMemoryBus, InMemoryPubSub } from '../redis/in-memory-pub-sub.js';
export {
  pubSubConformance,
  type ConformanceCase,
  type ConformanceSubject,
} from './pub-sub-conformance.js';
export { RecordingPropagator, type RecordedCall } from './recording-propagator.js';
export { useInMemory } from './use-in-memory.js';
