import { DEMO_USERS } from '../../../shared/rules.js';
import { useStore } from '../net/use-store.js';
import { StatusPicker } from '../people/status-picker.js';
import { useWorkspace } from '../workspace.js';
import { Avatar } from '../ui/avatar.js';
import { Icon } from '../ui/icon.js';
import { count, nameOf, timeOf } from '../ui/names.js';

export function UserMenu() {
  const { me, session, people, cluster, instances } = useWorkspace();
  const status = useStore(people.state).byId.get(me.id)?.status ?? 'available';
  const { view } = useStore(cluster.state);
  const login = useStore(session.state);
  const places = view?.instances.filter(({ url }) => url !== null) ?? [];
  return (
    <>
      <button type="button" className="user-button" popoverTarget="user-menu">
        <Avatar user={me} size="2rem" presence={status} />
        <span className="sr-only">{`Account of ${nameOf(me)}`}</span>
        <span className="user-button__name" aria-hidden="true">
          {nameOf(me)}
        </span>
        <Icon name="chevron" size={14} />
      </button>
      <div id="user-menu" className="menu" popover="auto">
        <div className="menu__who">
          <Avatar user={me} presence={status} />
          <div>
            <p className="menu__name">{nameOf(me)}</p>
            {login !== null && (
              <p className="menu__note" data-renewals={login.renewals}>
                {login.renewals === 0
                  ? `Token until ${timeOf(login.expiresAt)}`
                  : `Token renewed ${count(login.renewals, 'time')}, until ${timeOf(login.expiresAt)}`}
              </p>
            )}
          </div>
        </div>
        <StatusPicker />
        <p className="menu__heading">Open another tab as</p>
        <ul className="menu__tabs">
          {DEMO_USERS.map((id) => (
            <li key={id}>
              <span>{id === me.id ? 'You' : nameOf({ id, name: id })}</span>
              {(places.length > 0
                ? places.map(({ name, url }) => ({ name, url: url ?? '' }))
                : [{ name: 'here', url: instances.current }]
              ).map(({ name, url }) => (
                <a key={name} href={`${url}/#${id}`} target="_blank" rel="noreferrer">
                  {name}
                  <Icon name="open" size={12} />
                </a>
              ))}
            </li>
          ))}
        </ul>
        <button type="button" className="button menu__logout" onClick={() => session.end()}>
          <Icon name="exit" />
          Log out
        </button>
      </div>
    </>
  );
}
