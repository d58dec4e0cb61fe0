import { Icon } from './icon.js';

/** An error, next to its input. */
export function ErrorText({ id, children }: { readonly id?: string; readonly children: string }) {
  return (
    <p className="error-text" id={id} role="alert">
      <Icon name="alert" size={15} />
      <span>{children}</span>
    </p>
  );
}
