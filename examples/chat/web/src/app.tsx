import { useEffect } from 'react';
import type { ClusterView } from '../../shared/model.js';
import { LoginPage } from './login/login-page.js';
import { useAutoLogin } from './login/use-auto-login.js';
import { ask } from './net/api.js';
import type { Instances } from './net/instances.js';
import type { Session } from './net/session.js';
import { ConnectionProvider } from './net/connection.js';
import { useStore } from './net/use-store.js';
import { ErrorBoundary } from './shell/error-boundary.js';
import { Shell } from './shell/shell.js';
import { WorkspaceProvider } from './workspace.js';

interface Props {
  readonly instances: Instances;
  readonly session: Session;
}

export function App({ instances, session }: Props) {
  const user = useStore(session.state)?.user;
  useAutoLogin(session);

  // So that the login finds another instance when this one ends.
  useEffect(() => {
    ask<ClusterView>(instances, { path: '/cluster' }).then(
      ({ urls }) => instances.learn(urls),
      () => undefined,
    );
  }, [instances]);

  return (
    <ErrorBoundary>
      {user === undefined ? (
        <LoginPage session={session} />
      ) : (
        <ConnectionProvider key={user.id} instances={instances} session={session}>
          <WorkspaceProvider me={user} instances={instances} session={session}>
            <Shell />
          </WorkspaceProvider>
        </ConnectionProvider>
      )}
    </ErrorBoundary>
  );
}
