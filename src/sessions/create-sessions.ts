import type { ClusterRequests } from '../cluster/cluster-requests.js';
import type { EventRouter } from '../routing/event-router.js';
import { MOST_METADATA_BYTES } from '../options/resolve-auth.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { Reporter } from '../reporting/reporter.js';
import type { Revocations } from '../auth/revocations.js';
import { SessionCommands } from './session-commands.js';
import { SessionService } from './session.service.js';

interface Foundation {
  readonly requests: ClusterRequests;
  readonly router: EventRouter;
  readonly revocations: Revocations;
  readonly reporter: Reporter;
}

/** @internal */
export function createSessions(
  { auth, requestTimeoutMs }: Pick<ResolvedOptions, 'auth' | 'requestTimeoutMs'>,
  { requests, router, revocations, reporter }: Foundation,
): SessionService {
  // Without authentication, as in a worker, the instances that have the sockets say how much is too much.
  const maxMetadataBytes = auth?.maxMetadataBytes ?? MOST_METADATA_BYTES;
  const commands = new SessionCommands(requests, {
    instanceId: router.instanceId,
    timeoutMs: requestTimeoutMs,
    auth,
    maxMetadataBytes,
    revocations,
    reporter,
    namespaces: (name) =>
      name === undefined ? router.allNamespaces() : router.namespacesNamed(name),
  });
  return new SessionService(commands, maxMetadataBytes, reporter);
}
