/** Rules that the page shows next to an input, and the server enforces. */

/** FOR THE DEMO ONLY. */
export const DEMO_USERS = ['alice', 'bob', 'carol', 'dave'] as const;
export const DEMO_PASSWORD = 'demo';

/** The room that everybody joins. */
export const FIRST_ROOM = 'lobby';

export const ROOM_PATTERN = /^[a-z0-9][a-z0-9-]{0,19}$/;
export const MAX_TEXT = 500;
export const MAX_ITEM = 60;
export const HISTORY_LENGTH = 50;
