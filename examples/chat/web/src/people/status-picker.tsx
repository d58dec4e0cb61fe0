import { STATUSES, type Status } from '../../../shared/model.js';
import { useStore } from '../net/use-store.js';
import { useWorkspace } from '../workspace.js';

export const STATUS_NAMES: Record<Status, string> = {
  available: 'Available',
  busy: 'Busy',
  away: 'Away',
};

/** A group of radio buttons: the arrow keys move between them. */
export function StatusPicker() {
  const { me, people, toasts } = useWorkspace();
  const current = useStore(people.state).byId.get(me.id)?.status ?? 'available';
  const choose = async (status: Status): Promise<void> => {
    if (await people.setStatus(status)) return;
    toasts.show({ tone: 'bad', title: 'Your status was not changed', text: 'Please try again.' });
  };
  return (
    <div
      className="segmented"
      role="radiogroup"
      aria-label="Your status"
      onKeyDown={(event) => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (step === undefined) return;
        event.preventDefault();
        const index = (STATUSES.indexOf(current) + step + STATUSES.length) % STATUSES.length;
        (event.currentTarget.children[index] as HTMLElement).focus();
        void choose(STATUSES[index] ?? 'available');
      }}
    >
      {STATUSES.map((status) => (
        <button
          key={status}
          type="button"
          role="radio"
          className="segmented__option"
          aria-checked={status === current}
          tabIndex={status === current ? 0 : -1}
          onClick={() => void choose(status)}
        >
          <span className={`dot dot--${status}`} />
          {STATUS_NAMES[status]}
        </button>
      ))}
    </div>
  );
}
