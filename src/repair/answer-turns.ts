import type { InstanceId } from '../wire/envelope.js';
import { Superseded } from '../cluster/cluster-requests.js';

/** A question that is being answered. @internal */
export interface AnswerTurn {
  /** Whether its asker has asked anew. */
  readonly isSuperseded: boolean;
}

interface Waiting {
  readonly begin: (turn: AnswerTurn) => void;
  readonly fail: (error: Superseded) => void;
}

/**
 * Questions with large answers: one is answered at a time, and of each asker only the newest, in the place of the one
 * before.
 *
 * @internal
 */
export class AnswerTurns {
  private readonly waiting = new Map<InstanceId, Waiting>();
  private current: { readonly asker: InstanceId; isSuperseded: boolean } | undefined;

  /**
   * Resolves when it is the question's turn, which {@link end} ends.
   *
   * @throws Superseded
   */
  begin(asker: InstanceId): Promise<AnswerTurn> {
    this.waiting.get(asker)?.fail(new Superseded());
    if (this.current?.asker === asker) this.current.isSuperseded = true;
    return new Promise((begin, fail) => {
      this.waiting.set(asker, { begin, fail });
      this.next();
    });
  }

  end(): void {
    this.current = undefined;
    this.next();
  }

  private next(): void {
    if (this.current !== undefined) return;
    for (const [asker, { begin }] of this.waiting) {
      this.waiting.delete(asker);
      this.current = { asker, isSuperseded: false };
      begin(this.current);
      return;
    }
  }
}
