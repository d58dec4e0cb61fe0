/** The rows of a table of a page; the keys are the column names. */
export type Row = Record<string, string>;

/** All tables of a text whose first column has this name, in order. */
export function tables(text: string, firstColumn: string): Row[][] {
  const lines = text.split('\n');
  const found: Row[][] = [];
  for (const [start, line] of lines.entries()) {
    const columns = cells(line);
    if (columns[0] !== firstColumn) continue;
    const rows: Row[] = [];
    for (const row of lines.slice(start + 2)) {
      if (!row.startsWith('|')) break;
      const values = cells(row);
      rows.push(Object.fromEntries(columns.map((column, index) => [column, values[index] ?? ''])));
    }
    found.push(rows);
  }
  return found;
}

/** The first of these tables. */
export function table(text: string, firstColumn: string): Row[] {
  const [first] = tables(text, firstColumn);
  if (first === undefined) throw new Error(`there is no table with the column ${firstColumn}`);
  return first;
}

function cells(line: string): string[] {
  if (!line.startsWith('|')) return [];
  return line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));
}

/** Removes the Markdown marks for code. */
export const unquoted = (cell = ''): string => cell.replace(/^`(.*)`$/, '$1');

/** The text from a heading to the next one. */
export function section(text: string, heading: string): string {
  const [, rest] = text.split(`\n## ${heading}\n`);
  if (rest === undefined) throw new Error(`there is no section ${heading}`);
  return rest.split('\n## ')[0] ?? '';
}
