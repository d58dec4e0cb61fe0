import { useState } from 'react';
import { ChatView } from '../chat/chat-view.js';
import { RoomList } from '../chat/room-list.js';
import { ClusterPanel } from '../cluster/cluster-panel.js';
import { OrdersPanel } from '../orders/orders-panel.js';
import { PeoplePanel } from '../people/people-panel.js';
import { ToastList } from '../ui/toast-list.js';
import { Banner } from './banner.js';
import { Header } from './header.js';
import { Navigation, type View } from './navigation.js';
import { useBackNews } from './use-back-news.js';

/** All panels exist; the width and `view` decide which are visible. */
export function Shell() {
  const [view, setView] = useState<View>('chat');
  useBackNews();
  return (
    <div className="shell" data-view={view}>
      <a className="skip-link" href="#message-input">
        Skip to the message input
      </a>
      <Header />
      <Banner />
      <main className="shell__body">
        <div className="shell__column">
          <RoomList onChosen={() => setView('chat')} />
          <PeoplePanel />
        </div>
        <ChatView />
        <div className="shell__column shell__column--right">
          <ClusterPanel />
          <OrdersPanel />
        </div>
      </main>
      <Navigation view={view} onView={setView} />
      <ToastList />
    </div>
  );
}
