import { expect, it } from '@jest/globals';
import { nestFaults } from '../../src/nest/nest-internals.js';

it('the private names of Nest are those that its decorators write', () => {
  expect(nestFaults()).toEqual([]);
});

it('a name that Nest does not write is found', () => {
  expect(nestFaults([['websockets:other', class Gateway {}]])).toEqual(['websockets:other']);
});
