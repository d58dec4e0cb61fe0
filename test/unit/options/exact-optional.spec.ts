import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

const FIXTURE = 'test/fixtures/exact-optional.ts';

describe('with exactOptionalPropertyTypes', () => {
  it('all options and events accept undefined for optional properties', () => {
    const { config } = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path)) as {
      config: object;
    };
    const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, '.');
    const program = ts.createProgram([FIXTURE], {
      ...options,
      noEmit: true,
      exactOptionalPropertyTypes: true,
    });
    const found = ts
      .getPreEmitDiagnostics(program, program.getSourceFile(FIXTURE))
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
    expect(found).toEqual([]);
  });
});
