import { expect, it } from '@jest/globals';
import { nestFaults } from '../../src/nest/nest-internals.js';

it('the private names of Nest are those that its decorators set', () => {
  expect(nestFaults()).toEqual([]);
});

it('an unknown name of Nest is reported', () => {
  expect(nestFaults([['websockets:other', class Gateway {}]])).toEqual(['websockets:other']);
});
