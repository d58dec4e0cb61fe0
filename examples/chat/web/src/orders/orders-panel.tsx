import { useState } from 'react';
import type { Order } from '../../../shared/model.js';
import type { OrderResponse } from '../../../shared/http.js';
import { useStore } from '../net/use-store.js';
import { everybody } from '../people/people.js';
import { useWorkspace } from '../workspace.js';
import { ErrorText } from '../ui/error-text.js';
import { Icon } from '../ui/icon.js';
import { nameOf, timeOf } from '../ui/names.js';

const ITEMS = ['Flat white', 'Red notebook', 'Desk lamp', 'Two bagels', 'Train ticket'];

export function OrdersPanel() {
  const { me, people, orders } = useWorkspace();
  const { mine, forOthers } = useStore(orders.state);
  const others = everybody(useStore(people.state), me).filter(({ user }) => user.id !== me.id);
  const [who, setWho] = useState(me.id);
  const [item, setItem] = useState(ITEMS[0] ?? '');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  const place = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      await orders.place({ item, userId: who });
      setItem(ITEMS[(ITEMS.indexOf(item) + 1) % ITEMS.length] ?? '');
    } catch (error) {
      setProblem(error instanceof Error ? error.message : 'That did not work.');
    }
    setBusy(false);
  };

  return (
    <section className="panel orders" aria-labelledby="orders-heading">
      <div className="panel__head">
        <h2 id="orders-heading">Orders</h2>
      </div>
      <p className="panel__lead">
        Made with an HTTP request; each step is pushed to all devices of whoever it is for.
      </p>
      <form
        className="order-form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void place();
        }}
      >
        <label className="sr-only" htmlFor="order-item">
          What
        </label>
        <input
          id="order-item"
          className="input input--small"
          value={item}
          autoComplete="off"
          aria-invalid={problem !== null}
          aria-describedby="order-problem"
          onChange={({ target }) => setItem(target.value)}
        />
        <label className="sr-only" htmlFor="order-user">
          For whom
        </label>
        <select
          id="order-user"
          className="select select--small"
          value={who}
          onChange={({ target }) => setWho(target.value)}
        >
          <option value={me.id}>for me</option>
          {others.map(({ user, online }) => (
            <option key={user.id} value={user.id}>
              {`for ${nameOf(user)}${online ? '' : ' (offline)'}`}
            </option>
          ))}
        </select>
        <button type="submit" className="button button--primary button--small" disabled={busy}>
          Order
        </button>
        <div id="order-problem" className="order-form__problem">
          {problem !== null && <ErrorText>{problem}</ErrorText>}
        </div>
      </form>
      {mine.length + forOthers.length === 0 ? (
        <div className="empty">
          <Icon name="bell" size={24} />
          <strong>No orders yet</strong>
          Order for somebody who is offline, and see that a push notification is due instead.
        </div>
      ) : (
        <ul className="orders__list" aria-label="Orders so far">
          {forOthers.map((answer) => (
            <OtherOrder key={answer.order.id} answer={answer} />
          ))}
          {mine.map((order) => (
            <MyOrder key={order.id} order={order} />
          ))}
        </ul>
      )}
    </section>
  );
}

function MyOrder({ order: { item, status, at } }: { readonly order: Order }) {
  const shipped = status === 'shipped';
  return (
    <li className="order" data-status={status}>
      <span className={`order__icon ${shipped ? 'order__icon--good' : ''}`}>
        <Icon name={shipped ? 'check' : 'box'} />
      </span>
      <div className="order__text">
        <p className="order__item">{item}</p>
        <p className="order__note">for you, {timeOf(at)}</p>
      </div>
      <span className={`badge ${shipped ? 'badge--good' : 'badge--accent'}`}>
        {shipped ? 'On its way' : 'Received'}
      </span>
    </li>
  );
}

function OtherOrder({ answer }: { readonly answer: OrderResponse }) {
  const { order, reached, pushWouldBeSent } = answer;
  return (
    <li className="order" data-reached={String(reached)}>
      <span className="order__icon">
        <Icon name={reached ? 'box' : 'bell'} />
      </span>
      <div className="order__text">
        <p className="order__item">{order.item}</p>
        <p className="order__note">
          for {nameOf({ id: order.userId, name: order.userId })}, {timeOf(order.at)}
          {pushWouldBeSent && '. A push notification would be sent'}
        </p>
      </div>
      <span className={`badge ${reached ? 'badge--good' : 'badge--warn'}`}>
        {reached ? 'Reached' : pushWouldBeSent ? 'Offline' : 'Queued'}
      </span>
    </li>
  );
}
