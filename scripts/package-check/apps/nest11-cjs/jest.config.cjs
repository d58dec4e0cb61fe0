const decorators = {
  parser: { syntax: 'typescript', decorators: true },
  transform: { legacyDecorator: true, decoratorMetadata: true },
};

/** The same test with both of the transformers that Nest apps use. */
module.exports = {
  projects: [
    { displayName: 'ts-jest', transform: { '\\.ts$': 'ts-jest' } },
    {
      displayName: '@swc/jest',
      transform: { '\\.ts$': ['@swc/jest', { jsc: decorators, module: { type: 'commonjs' } }] },
    },
  ].map((project) => ({ ...project, testEnvironment: 'node', roots: ['<rootDir>/test'] })),
};
