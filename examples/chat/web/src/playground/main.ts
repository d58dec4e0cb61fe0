import type { ClusterView } from '../../../shared/model.js';
import { startTheme } from '../ui/theme.js';
import { Player } from './player.js';
import { Tally } from './tally.js';
import '../styles/tokens.css';
import '../styles/base.css';
import '../styles/buttons.css';
import '../styles/playground.css';

const USERS = ['carol', 'dave'];
const PAUSE_MS = 250;
const SHOWN = 8;

interface Pane {
  readonly player: Player;
  readonly tally: Tally;
  readonly show: () => void;
}

startTheme();
await start().catch((error: unknown) => {
  byId('fault').textContent = `The playground cannot start: ${String(error)}. Reload the page.`;
});

async function start(): Promise<void> {
  const view = (await (await fetch('/cluster')).json()) as ClusterView;
  // The reports of other instances come once a second: the configured URLs are known at once.
  const reported = view.instances.flatMap(({ url }) => url ?? []);
  const urls = view.urls.length > 0 ? view.urls : reported;
  const run = crypto.randomUUID().slice(0, 8);
  const panes = await Promise.all(
    USERS.map(async (user, index) => {
      const url = urls[index % urls.length] ?? window.location.origin;
      return paneFor(await Player.enter(user, url, urls), new Tally(run));
    }),
  );

  let sent = 0;
  let sending = true;
  const show = (): void => {
    for (const { player, tally, show: showPane } of panes) {
      tally.read(player.texts());
      showPane();
    }
    showCount(panes, sent);
  };
  for (const { player } of panes) player.onChange(show);

  let next = 0;
  setInterval(() => {
    if (!sending || !panes.every(({ player }) => player.isIn)) return;
    next += 1;
    for (const { player, tally } of panes) {
      sent += 1;
      player.say(tally.text(player.user, next));
    }
    show();
  }, PAUSE_MS);
  byId('sending').addEventListener('click', ({ currentTarget }) => {
    sending = !sending;
    (currentTarget as HTMLElement).textContent = sending ? 'Stop sending' : 'Send again';
  });
  show();
}

function paneFor(player: Player, tally: Tally): Pane {
  const where = element('p', 'play__where');
  where.setAttribute('role', 'status');
  const kill = element('button', 'button button--danger') as HTMLButtonElement;
  kill.type = 'button';
  const messages = element('ol', 'play__messages');
  const pane = element('section', 'play__pane');
  pane.setAttribute('aria-label', player.user);
  const title = element('h2', '');
  title.textContent = player.user;
  pane.append(title, where, kill, messages);
  byId('panes').append(pane);
  kill.addEventListener('click', () => void player.kill());

  const show = (): void => {
    const { phase, instance, left } = player.state;
    where.textContent =
      phase === 'open' && instance !== null
        ? `connected to instance ${instance}`
        : `looks for another instance${left === null ? '' : `, ${left} has ended`} ...`;
    kill.textContent = `Kill instance ${instance ?? ''}`;
    kill.disabled = phase !== 'open' || instance === null;
    messages.replaceChildren(
      ...player
        .texts()
        .slice(-SHOWN)
        .map((text) => {
          const line = element('li', '');
          line.textContent = text.split(' ').slice(1).join(' ');
          return line;
        }),
    );
  };
  return { player, tally, show };
}

function showCount(panes: readonly Pane[], sent: number): void {
  const tallies = panes.map(({ tally }) => tally);
  const total = (of: (tally: Tally) => number): number =>
    tallies.reduce((all, tally) => all + of(tally), 0);
  const received = total((tally) => tally.received);
  const missing = total((tally) => tally.missing);
  const counts = {
    Sent: sent,
    'Received by both': Math.min(...tallies.map((tally) => tally.received)),
    'On their way': sent * panes.length - received - missing,
    Missing: missing,
    'Shown twice': total((tally) => tally.twice),
  };
  byId('count').replaceChildren(
    ...Object.entries(counts).map(([name, value]) => {
      const group = element('div', '');
      const term = element('dt', '');
      const number = element('dd', '');
      term.textContent = name;
      number.textContent = String(value);
      group.append(term, number);
      return group;
    }),
  );
}

function element(tag: string, className: string): HTMLElement {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  return made;
}

function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`playground.html has no #${id}`);
  return found;
}
