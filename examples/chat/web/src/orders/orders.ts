import type { ClientSocket } from 'nestjs-redis-propagator-client';
import type { OrderRequest, OrderResponse } from '../../../shared/http.js';
import type { Order } from '../../../shared/model.js';
import { ask } from '../net/api.js';
import type { Instances } from '../net/instances.js';
import type { Session } from '../net/session.js';
import { Store } from '../net/store.js';

export interface OrdersState {
  /** The user's orders, from the pushes; the newest first. */
  readonly mine: readonly Order[];
  /** Orders that this tab made for others, and whether they were reached. */
  readonly forOthers: readonly OrderResponse[];
}

const MOST = 12;

/** Orders: created by a request, and shown by pushes on all devices of the user. */
export class Orders {
  readonly state = new Store<OrdersState>({ mine: [], forOthers: [] });

  constructor(
    private readonly instances: Instances,
    private readonly session: Session,
    private readonly onUpdate: (order: Order) => void,
  ) {}

  attach(socket: ClientSocket): () => void {
    const update = (order: Order): void => {
      this.state.update(({ mine, ...rest }) => ({
        ...rest,
        mine: [order, ...mine.filter(({ id }) => id !== order.id)].slice(0, MOST),
      }));
      this.onUpdate(order);
    };
    socket.on('order-update', update);
    return () => {
      socket.off('order-update', update);
    };
  }

  /** @throws ApiError */
  async place(request: OrderRequest): Promise<OrderResponse> {
    const token = await this.session.token();
    const answer = await ask<OrderResponse>(this.instances, {
      path: '/orders',
      body: request,
      token,
    });
    if (answer.order.userId !== this.session.state.get()?.user.id) {
      this.state.update(({ forOthers, ...rest }) => ({
        ...rest,
        forOthers: [answer, ...forOthers].slice(0, MOST),
      }));
    }
    return answer;
  }
}
