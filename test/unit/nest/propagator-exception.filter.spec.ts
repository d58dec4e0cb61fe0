import type { ArgumentsHost } from '@nestjs/common';
import { expect, it, jest } from '@jest/globals';
import { PropagatorExceptionFilter } from '../../../src/index.js';

it.each(['rpc', 'graphql'])(
  'bound for all contexts, the filter leaves "%s" to Nest, which answers if a filter returns nothing',
  (type) => {
    const root = { emit: jest.fn() };
    const host = { getType: () => type, getArgs: () => [root, {}, {}, {}] };
    const caught: unknown = new PropagatorExceptionFilter().catch(
      new Error('failed'),
      host as unknown as ArgumentsHost,
    );
    expect(caught).toBeUndefined();
    expect(root.emit).not.toHaveBeenCalled();
  },
);
