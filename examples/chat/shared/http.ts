import type { Order, User } from './model.js';

/** POST /auth/login */
export interface LoginRequest {
  name: string;
  password: string;
}

/** Of POST /auth/login, and of POST /auth/refresh (with the header `Authorization: Bearer ...`). */
export interface LoginResponse {
  token: string;
  user: User;
  /** When the token ends, in ms since 1970. */
  expiresAt: number;
}

/** POST /orders (Bearer) */
export interface OrderRequest {
  item: string;
  /** For whom; the one who asks where it is left out. */
  userId?: string;
}

export interface OrderResponse {
  order: Order;
  /** Whether the user has a device that is connected, anywhere. Null while Redis is away: the event waits. */
  reached: boolean | null;
  /** Where nobody was reached, a real app would send a push notification or a mail. */
  pushWouldBeSent: boolean;
}

/** The body of an HTTP error. */
export interface HttpFailure {
  /** `validation` or `unavailable`, as in acknowledgements; left out elsewhere. */
  code?: string;
  message: string | string[];
  statusCode?: number;
}

/** GET /auth/sessions (Bearer): one for each login of the user that is connected somewhere. */
export interface SessionView {
  /** DELETE /auth/sessions/:id (Bearer) logs it out, and so does POST /auth/logout for one's own. */
  id: string;
  device: string;
  /** Names of the instances that its tabs are connected to. */
  instances: string[];
  connectedAt: number;
  /** Whether it is that of the token that asks. */
  current: boolean;
}
