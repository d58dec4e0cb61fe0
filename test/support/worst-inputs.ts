import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

export interface FoundExpression {
  /** A location, such as `src/text.ts:12`. */
  readonly place: string;
  readonly expression: RegExp;
}

/** Every regular expression literal in `src`, and every place that creates one at run time. */
export function expressionsOf(folder: string): { literals: FoundExpression[]; made: string[] } {
  const literals: FoundExpression[] = [];
  const made: string[] = [];
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue;
    const file = join(folder, name);
    const source = ts.createSourceFile(
      file,
      readFileSync(file, 'utf8'),
      ts.ScriptTarget.Latest,
      true,
    );
    const visit = (node: ts.Node): void => {
      const place = `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
      if (ts.isRegularExpressionLiteral(node)) {
        const end = node.text.lastIndexOf('/');
        const expression = new RegExp(node.text.slice(1, end), node.text.slice(end + 1));
        literals.push({ place, expression });
      } else if (
        ts.isIdentifier(node) &&
        node.text === 'RegExp' &&
        !ts.isTypeReferenceNode(node.parent)
      ) {
        made.push(place);
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return { literals, made };
}

/** Characters to repeat: those that the expression names, and one of each character class. */
function alphabetOf({ source }: RegExp): string[] {
  const named = source.replaceAll(/\\[pP]\{\w+\}|\\[a-zA-Z]\w?\w?/g, '').match(/[^()[\]{}|*+\\]/g);
  return [
    ...new Set([...(named ?? []), 'a', '0', ' ', '\n', '!', '/', ':', '@', '?', '=', '\u202e']),
  ];
}

/** Words of an expression without quantifiers, such as `bearer`, which have to come first. */
function wordsOf({ source }: RegExp): string[] {
  return [...new Set([...(source.match(/[a-z_]{3,}:?/gi) ?? []), '', '?', "'", 'user:', '//'])];
}

function repeated(part: string, length: number): string {
  return part.repeat(Math.ceil(length / part.length)).slice(0, length);
}

/**
 * Texts of any length on which a backtracking regular expression takes longest: a repeated part that it looks for, and
 * an end that it does not find.
 */
export function* worstInputs(expression: RegExp): Generator<(length: number) => string> {
  const alphabet = alphabetOf(expression);
  for (const word of wordsOf(expression)) {
    for (const character of alphabet) {
      yield (length) => `${word}${repeated(character, length)}\u0000`;
      yield (length) => repeated(word + character, length);
    }
  }
  for (const one of alphabet) {
    for (const other of alphabet.slice(0, 6)) yield (length) => repeated(one + other, length);
    yield (length) => `a${repeated(one, length)}a${repeated(one, length)}=`;
  }
}
