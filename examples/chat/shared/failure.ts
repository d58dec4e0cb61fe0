/**
 * What is in the acknowledgement, or in an `exception` where the client asked for none, when something is refused.
 *
 * - `validation`: `message` lists what is wrong with the data, a line for each
 * - `room.not-a-member`: join the room first
 * - `auth.required`: the token has ended
 * - `unavailable`: Redis is away, so nothing could be stored; try again in a second
 * - `client.too-many-events`: slower, please
 *
 * Without a code something went wrong on the server.
 */
export interface Failure {
  status: 'error';
  code?: string;
  message: string | string[];
}

/** What an acknowledgement has. */
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
