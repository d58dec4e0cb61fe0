import { useUnread } from '../chat/use-unread.js';
import { Icon, type IconName } from '../ui/icon.js';

export type View = 'chat' | 'people' | 'orders' | 'cluster';

const VIEWS: readonly { readonly id: View; readonly label: string; readonly icon: IconName }[] = [
  { id: 'chat', label: 'Chat', icon: 'chat' },
  { id: 'people', label: 'People', icon: 'people' },
  { id: 'orders', label: 'Orders', icon: 'box' },
  { id: 'cluster', label: 'Cluster', icon: 'cluster' },
];

interface Props {
  readonly view: View;
  readonly onView: (view: View) => void;
}

/** For narrow screens: at the bottom on a phone, at the top on a tablet. */
export function Navigation({ view, onView }: Props) {
  const unread = useUnread();
  return (
    <nav className="navigation" aria-label="Views">
      {VIEWS.map(({ id, label, icon }) => (
        <button
          key={id}
          type="button"
          className={`navigation__item navigation__item--${id}`}
          aria-current={view === id ? 'page' : undefined}
          onClick={() => onView(id)}
        >
          <span className="navigation__icon">
            <Icon name={icon} size={20} />
            {id === 'chat' && unread > 0 && <span className="navigation__unread">{unread}</span>}
          </span>
          {label}
        </button>
      ))}
    </nav>
  );
}
