import { describe, expect, it, jest } from '@jest/globals';
import { EventChecks } from '../../../src/contract/event-checks.js';
import { isInvalid, type Checked } from '../../../src/contract/run-schema.js';
import {
  asyncApiDocument,
  defineEvents,
  typed,
  type EventSchema,
  type SchemaIssue,
} from '../../../src/index.js';

const text = typed<string>();

function schemaOf(result: unknown): EventSchema {
  return { '~standard': { version: 1, vendor: 'own', validate: () => result as never } };
}

describe('defineEvents', () => {
  it.each([
    ['a list', [] as never, 'server'],
    ['a schema', text as never, 'server'],
    ['an event that is none', { said: 1 } as never, 'server.said'],
    ['a schema in place of the event', { said: text } as never, 'server.said'],
    ['data that is no schema', { said: { data: {} } } as never, 'server.said.data'],
    ['an argument that is no schema', { said: { args: [text, 1] } } as never, 'args[1]'],
    ['arguments that are no list', { said: { args: text } } as never, 'args'],
    ['both data and arguments', { said: { data: text, args: [text] } }, 'both "data" and "args"'],
    ['a misspelled part', { said: { dat: text } } as never, '"dat"'],
    ['volatile with an acknowledgement', { said: { volatile: true, ack: text } }, 'volatile'],
    ['a flag that is none', { said: { volatile: 1 } } as never, 'volatile'],
    ['a description that is no text', { said: { description: 1 } } as never, 'description'],
    ['an event without a name', { '': {} }, 'Name the event'],
    ['namespaces beside events', { '/chat': {}, said: {} }, 'by namespace'],
    ['an event named like a namespace', { '/chat': { '/said': {} } }, 'like a namespace'],
  ])('refuses %s', (_, given, said) => {
    expect(() => defineEvents(given)).toThrow(
      expect.objectContaining({ code: 'option.invalid', message: expect.stringContaining(said) }),
    );
    expect(() => defineEvents({}, { client: given as never })).toThrow(
      expect.objectContaining({ code: 'option.invalid' }),
    );
  });

  it('copies what it is given', () => {
    const said: { data?: EventSchema } = { data: text };
    const contract = defineEvents({ said });
    delete said.data;
    expect(contract.events.server?.get('*')?.get('said')?.data).toBe(text);
    expect(Object.isFrozen(contract)).toBe(true);
  });
});

describe('the document of something else', () => {
  it.each([undefined, null, {}, { server: {} }])('is refused: %j', (given) => {
    expect(() => asyncApiDocument(given as never, { title: 'x', version: '1' })).toThrow(
      expect.objectContaining({ code: 'option.invalid' }),
    );
  });
});

const refusalOf = (result: unknown): string => {
  const checks = new EventChecks(defineEvents({ said: { data: schemaOf(result) } }), {
    emit: true,
    receive: true,
  });
  try {
    checks.checkOutgoing('/', 'said', [1]);
    return 'accepted';
  } catch (error) {
    return String(error);
  }
};

function codeOf(check: () => unknown): unknown {
  try {
    check();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

describe('the check of an event', () => {
  it.each([
    [
      [{ message: 'wrong', path: ['a', 0, { key: 'b' }, Symbol('c')] }],
      'data.a[0].b.Symbol(c): wrong',
    ],
    [[{ message: 'wrong' }], 'data: wrong'],
    [[], 'data: invalid'],
    ['text', 'data: invalid'],
    [[{ message: 7 }], 'data: '],
    [[null], 'data: '],
    [[{ message: 'wrong', path: [null] }], 'data: '],
    [[{ message: 'x'.repeat(100_000), path: ['y'.repeat(100_000)] }], 'data.yyy'],
    [[{ message: 'two\nlines\u001b[2J' }], 'data: two\\nlines'],
  ] as [unknown, string][])('words the issues %#', (issues, said) => {
    const refusal = refusalOf({ issues: issues as SchemaIssue[] });
    expect(refusal).toContain('event.invalid-data');
    expect(refusal).toContain(said);
    expect(refusal).not.toContain('\n');
    expect(refusal).not.toContain('\u001b');
    expect(refusal.length).toBeLessThan(1_500);
  });

  it.each([undefined, null, 'text', 7])('refuses the result %p', (result) => {
    expect(refusalOf(result)).toContain('the schema returned no result');
  });

  it('is that of one event in so many, chosen at random; its name is always checked', () => {
    const contract = defineEvents(
      { said: { data: schemaOf({ issues: [] }) } },
      { client: { say: { data: schemaOf({ issues: [] }), ack: schemaOf({ issues: [] }) } } },
    );
    const checks = new EventChecks(contract, { emit: true, receive: true }, 4);
    const say = checks.incoming('/', 'say')!;
    const random = jest.spyOn(Math, 'random');
    try {
      for (const [drawn, isChecked] of [
        [0.24, true],
        [0.26, false],
        [0.99, false],
        [0, true],
      ] as const) {
        random.mockReturnValue(drawn);
        const refused = [
          () => checks.checkOutgoing('/', 'said', [1]),
          () => checks.checkAnswer('say', say, 1),
        ].map(codeOf);
        const code = isChecked ? 'event.invalid-data' : undefined;
        expect(refused).toEqual([code, code]);
        expect(() => checks.checkOutgoing('/', 'sayd', [1])).toThrow('event.not-in-contract');
        expect(isInvalid(checks.checkIncoming(say, 1) as Checked)).toBe(true);
        expect(isInvalid(checks.checkAcknowledgement(say, 1) as Checked)).toBe(true);
      }
    } finally {
      random.mockRestore();
    }
  });

  it('accepts a result with a value, or with issues that are null', () => {
    expect([refusalOf({ value: 1 }), refusalOf({ value: 1, issues: null })]).toEqual([
      'accepted',
      'accepted',
    ]);
  });
});
