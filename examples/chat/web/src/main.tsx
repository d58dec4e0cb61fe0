import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.js';
import { Instances } from './net/instances.js';
import { Session } from './net/session.js';
import { startTheme } from './ui/theme.js';
import './styles/tokens.css';
import './styles/base.css';
import './styles/buttons.css';
import './styles/fields.css';
import './styles/marks.css';
import './styles/states.css';
import './styles/login.css';
import './styles/shell.css';
import './styles/header.css';
import './styles/menu.css';
import './styles/panels.css';
import './styles/toasts.css';
import './styles/narrow.css';
import './styles/rooms.css';
import './styles/chat.css';
import './styles/messages.css';
import './styles/composer.css';
import './styles/chat-narrow.css';
import './styles/people.css';
import './styles/orders.css';
import './styles/cluster.css';

startTheme();

// The instance that served the page, to begin with.
const instances = new Instances(window.location.origin);
const session = new Session(instances, window.sessionStorage);

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <App instances={instances} session={session} />
  </StrictMode>,
);
