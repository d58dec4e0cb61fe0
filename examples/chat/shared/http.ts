import type { Order, User } from './model.js';

/** POST /auth/login */
export interface LoginRequest {
  name: string;
  password: string;
}

/** Response of POST /auth/login, and of POST /auth/refresh (with the header `Authorization: Bearer ...`). */
export interface LoginResponse {
  token: string;
  user: User;
  /** When the token expires, in ms since 1970. */
  expiresAt: number;
}

/** POST /orders (Bearer) */
export interface OrderRequest {
  item: string;
  /** The user of the order; default: the one who asks. */
  userId?: string;
}

export interface OrderResponse {
  order: Order;
  /** Whether the user has a connected device anywhere. Null while Redis is down: the event waits. */
  reached: boolean | null;
  /** If nobody was reached, a real app would send a push notification or an e-mail. */
  pushWouldBeSent: boolean;
}

/** The body of an HTTP error. */
export interface HttpFailure {
  /** `validation` or `unavailable`, as in acknowledgements; absent otherwise. */
  code?: string;
  message: string | string[];
  statusCode?: number;
}

/** GET /auth/sessions (Bearer): one for each connected login of the user. */
export interface SessionView {
  /** DELETE /auth/sessions/:id (Bearer) logs it out; POST /auth/logout does so for the own session. */
  id: string;
  device: string;
  /** Names of the instances of its tabs. */
  instances: string[];
  connectedAt: number;
  /** Whether it is the session of the request. */
  current: boolean;
}
