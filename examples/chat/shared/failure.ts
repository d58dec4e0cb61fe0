/**
 * The content of an acknowledgement, or of an `exception` if the client asked for none, when something is refused.
 *
 * - `validation`: `message` lists the errors in the data, a line for each
 * - `room.not-a-member`: join the room first
 * - `auth.required`: the token has expired
 * - `unavailable`: Redis is down, so nothing could be stored; try again in a second
 * - `client.too-many-events`: send more slowly
 *
 * Without a code there was an error on the server.
 */
export interface Failure {
  status: 'error';
  code?: string;
  message: string | string[];
}

/** The content of an acknowledgement. */
export type Answer<T> = T | Failure;

export function isFailure(answer: unknown): answer is Failure {
  return (
    typeof answer === 'object' &&
    answer !== null &&
    'status' in answer &&
    answer.status === 'error' &&
    'message' in answer
  );
}
