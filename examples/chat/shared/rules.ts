/** What the page says next to an input, and what the server insists on. */

/** FOR THE DEMO ONLY. */
export const DEMO_USERS = ['alice', 'bob', 'carol', 'dave'] as const;
export const DEMO_PASSWORD = 'demo';

/** Where everybody meets. */
export const FIRST_ROOM = 'lobby';

export const ROOM_PATTERN = /^[a-z0-9][a-z0-9-]{0,19}$/;
export const MAX_TEXT = 500;
export const MAX_ITEM = 60;
export const HISTORY_LENGTH = 50;
