import { useStore } from '../net/use-store.js';
import { useWorkspace } from '../workspace.js';
import { Icon, type IconName } from './icon.js';
import type { Toast } from './toasts.js';

const ICONS: Record<Toast['tone'], IconName> = { good: 'check', info: 'box', bad: 'alert' };

export function ToastList() {
  const { toasts } = useWorkspace();
  return (
    <ol className="toasts" aria-live="polite" aria-label="News">
      {useStore(toasts.list).map(({ id, tone, title, text }) => (
        <li key={id} className={`toast toast--${tone}`}>
          <span className="toast__icon">
            <Icon name={ICONS[tone]} />
          </span>
          <div>
            <p className="toast__title">{title}</p>
            {text !== undefined && <p className="toast__text">{text}</p>}
          </div>
          <button
            type="button"
            className="icon-button icon-button--small"
            aria-label="Dismiss"
            onClick={() => toasts.dismiss(id)}
          >
            <Icon name="close" size={14} />
          </button>
        </li>
      ))}
    </ol>
  );
}
