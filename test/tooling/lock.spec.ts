import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { withLock } from '../../scripts/redis/lock.mjs';
import { codeOf, messageOf } from '../../scripts/thrown.mjs';

/** No process has a number as high as this. */
const NO_PROCESS = 2 ** 30;

describe('the lock of the scripts', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lock-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('lets one process in at a time, and all of them in the end', async () => {
    const path = join(folder, 'a.lock');
    let inside = 0;
    const most = await Promise.all(
      Array.from({ length: 5 }, () =>
        withLock(path, async () => {
          const now = ++inside;
          await new Promise(setImmediate);
          inside--;
          return now;
        }),
      ),
    );
    expect(most).toEqual([1, 1, 1, 1, 1]);
    expect(await readdir(folder)).toEqual([]);
  });

  it('takes over the lock of a process that has ended', async () => {
    const path = join(folder, 'a.lock');
    await writeFile(path, String(NO_PROCESS));
    expect(await withLock(path, () => Promise.resolve('in'))).toBe('in');
  });
});

describe('the text that the scripts show for a thrown value', () => {
  it('is the message and the code of an error of any realm', async () => {
    const thrown: unknown = await readdir('/no such folder').catch((error: unknown) => error);
    // Jest runs this file in a realm of its own, and Node in another.
    expect(thrown instanceof Error).toBe(false);
    expect(codeOf(thrown)).toBe('ENOENT');
    expect(messageOf(thrown)).toContain('no such file or directory');
    expect(messageOf('text')).toBe('text');
    expect(codeOf({ code: 'no error' })).toBeUndefined();
  });
});
