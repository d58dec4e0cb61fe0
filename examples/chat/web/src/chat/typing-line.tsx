import { nameOf } from '../ui/names.js';
import type { Room } from './chat-state.js';

/** Keeps its height when nobody types, so that the page does not jump. */
export function TypingLine({ typing }: { readonly typing: Room['typing'] }) {
  const names = typing.map(({ user }) => nameOf(user));
  const who = names.length > 2 ? 'Several people' : names.join(' and ');
  return (
    <p className="typing" aria-live="polite">
      {names.length > 0 && (
        <>
          <span className="typing__dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {`${who} ${names.length === 1 ? 'is' : 'are'} typing`}
        </>
      )}
    </p>
  );
}
