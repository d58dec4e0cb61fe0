import type { Device } from '../../../shared/model.js';
import { instanceClass } from '../cluster/cluster.js';
import { isPhone } from '../net/device.js';
import { useStore } from '../net/use-store.js';
import { useWorkspace } from '../workspace.js';
import { Avatar } from '../ui/avatar.js';
import { Icon } from '../ui/icon.js';
import { nameOf } from '../ui/names.js';
import { everybody, type Person } from './people.js';
import { STATUS_NAMES, StatusPicker } from './status-picker.js';

export function PeoplePanel() {
  const { me, people } = useWorkspace();
  const state = useStore(people.state);
  const all = everybody(state, me);
  const online = all.filter((person) => person.online).length;
  return (
    <section className="panel people" aria-labelledby="people-heading">
      <div className="panel__head">
        <h2 id="people-heading">People</h2>
        {state.known && <span className="badge tabular">{online} online</span>}
      </div>
      <StatusPicker />
      {state.known ? (
        <ul className={`people__list ${state.live ? '' : 'is-stale'}`}>
          {all.map((person) => (
            <PersonLine key={person.user.id} person={person} isMe={person.user.id === me.id} />
          ))}
        </ul>
      ) : (
        <div className="people__list" aria-busy="true" aria-label="Loading people">
          {[0, 1, 2].map((i) => (
            <div key={i} className="skeleton people__skeleton" />
          ))}
        </div>
      )}
    </section>
  );
}

function PersonLine({ person, isMe }: { readonly person: Person; readonly isMe: boolean }) {
  const { user, online, status, sessions } = person;
  return (
    <li className="person" data-user={user.id} data-online={online}>
      <Avatar user={user} presence={online ? status : 'offline'} />
      <div className="person__text">
        <p className="person__name">
          {nameOf(user)}
          {isMe && <span className="person__you"> you</span>}
          <span className="person__status">{online ? STATUS_NAMES[status] : 'Offline'}</span>
        </p>
        {sessions.length > 0 && (
          <ul className="person__devices" aria-label={`Devices of ${nameOf(user)}`}>
            {sessions.map((device, i) => (
              <DeviceLine key={`${device.connectedAt}:${i}`} device={device} />
            ))}
          </ul>
        )}
      </div>
    </li>
  );
}

function DeviceLine({ device: { device, instance } }: { readonly device: Device }) {
  return (
    <li className="device">
      <Icon name={isPhone(device) ? 'phone' : 'laptop'} size={13} />
      <span className="device__name">{device}</span>
      <span className={`badge badge--instance ${instanceClass(instance)}`}>{instance}</span>
    </li>
  );
}
