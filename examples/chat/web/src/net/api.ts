import type { Instances } from './instances.js';

/** A response without success, or none at all (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const TIMEOUT_MS = 5000;

export interface Request {
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly token?: string | undefined;
}

/**
 * Sends a request to the instance of this tab; if that has ended or is stopping, to the others.
 *
 * @throws ApiError
 */
export async function ask<Answer>(instances: Instances, request: Request): Promise<Answer> {
  const urls = new Set([instances.current, ...instances.all]);
  let failure = new ApiError(0, 'No instance answers.');
  for (const url of urls) {
    try {
      return await askOne<Answer>(url, request);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      failure = error;
      if (error.status !== 0 && error.status !== 503) throw error;
    }
  }
  throw failure;
}

async function askOne<Answer>(url: string, request: Request): Promise<Answer> {
  const { method = request.body === undefined ? 'GET' : 'POST', path, body, token } = request;
  const response = await fetch(new URL(path, url), {
    method,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new ApiError(0, 'No instance answers.');
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return answer as Answer;
  throw new ApiError(
    response.status,
    messageIn(answer) ?? `The server answered ${response.status}.`,
  );
}

/** Nest puts the error into `message`: a text, or a list of them from the validation. */
function messageIn(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null || !('message' in answer)) return undefined;
  const { message } = answer;
  if (Array.isArray(message)) return message.join(', ');
  return typeof message === 'string' ? message : undefined;
}
