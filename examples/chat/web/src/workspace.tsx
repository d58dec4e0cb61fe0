import { useSocket } from 'nestjs-redis-propagator-client/react';
import { createContext, use, useEffect, useMemo, type ReactNode } from 'react';
import type { User } from '../../shared/model.js';
import { Chat } from './chat/chat.js';
import { Cluster } from './cluster/cluster.js';
import type { Instances } from './net/instances.js';
import type { Session } from './net/session.js';
import { Orders } from './orders/orders.js';
import { People } from './people/people.js';
import { Toasts } from './ui/toasts.js';

/** Everything for a user who is logged in. */
export interface Workspace {
  readonly me: User;
  readonly session: Session;
  readonly instances: Instances;
  readonly chat: Chat;
  readonly people: People;
  readonly orders: Orders;
  readonly cluster: Cluster;
  readonly toasts: Toasts;
}

const WorkspaceContext = createContext<Workspace | null>(null);

interface Props {
  readonly me: User;
  readonly instances: Instances;
  readonly session: Session;
  readonly children: ReactNode;
}

/** Creates the stores, which outlive every connection, and connects them to the sockets. */
export function WorkspaceProvider({ me, instances, session, children }: Props) {
  const { id, name } = me;
  const workspace = useMemo(
    () => newWorkspace({ id, name }, instances, session),
    [id, name, instances, session],
  );
  const main = useSocket('/');
  const chat = useSocket('/chat');
  const presence = useSocket('/presence');
  useEffect(() => workspace.orders.attach(main), [workspace, main]);
  useEffect(() => workspace.cluster.attach(main), [workspace, main]);
  useEffect(() => workspace.chat.attach(chat), [workspace, chat]);
  useEffect(() => workspace.people.attach(presence), [workspace, presence]);
  return <WorkspaceContext value={workspace}>{children}</WorkspaceContext>;
}

export function useWorkspace(): Workspace {
  const workspace = use(WorkspaceContext);
  if (workspace === null) throw new Error('There is no WorkspaceProvider around this component.');
  return workspace;
}

function newWorkspace(me: User, instances: Instances, session: Session): Workspace {
  const toasts = new Toasts();
  return {
    me,
    session,
    instances,
    toasts,
    chat: new Chat(me, window.sessionStorage),
    people: new People(),
    orders: new Orders(instances, session, ({ item, status }) => {
      if (status === 'received') toasts.show({ tone: 'info', title: 'Order received', text: item });
      else toasts.show({ tone: 'good', title: 'Your order is on its way', text: item });
    }),
    cluster: new Cluster(instances, session),
  };
}
