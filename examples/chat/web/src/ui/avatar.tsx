import type { CSSProperties } from 'react';
import type { Status, User } from '../../../shared/model.js';
import { nameOf, sumOf } from './names.js';

/** Hues that are far enough apart to distinguish people. */
const HUES = [225, 345, 40, 280, 95, 200, 15, 310];

interface Props {
  readonly user: User;
  readonly size?: string;
  /** Shown as a dot if given. */
  readonly presence?: Status | 'offline';
}

export function Avatar({ user, size, presence }: Props) {
  const hue = HUES[sumOf(user.id) % HUES.length];
  const style = { '--hue': hue, ...(size === undefined ? {} : { '--size': size }) };
  return (
    <span
      className={`avatar ${presence === 'offline' ? 'avatar--offline' : ''}`}
      style={style as CSSProperties}
      aria-hidden="true"
    >
      {nameOf(user).slice(0, 1)}
      {presence !== undefined && <span className={`dot dot--${presence}`} />}
    </span>
  );
}
