import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import ts from 'typescript';
import { parse, parseAllDocuments } from 'yaml';
import { blocksIn } from '../../scripts/docs-check/code.mjs';
import { page } from '../../scripts/docs-check/pages.mjs';

const folder = 'examples/chat/deploy/kubernetes';
const load = createRequire(join(process.cwd(), 'package.json'));

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
}

type Model = new (manifest: Manifest) => { validate(): void };

/** Checks a manifest against the schema that Kubernetes publishes for its kind. Throws with the path of an error. */
function validate(manifest: Manifest): void {
  const { apiVersion, kind } = manifest;
  const models = load(`kubernetes-models/${apiVersion}/${kind}`) as Record<string, Model>;
  const Kind = models[kind] as Model;
  new Kind(manifest).validate();
}

/** The fields that the schema of a kind does not have. The schema accepts them, and a cluster refuses or ignores them. */
function unknownFields(sources: readonly { kind: Manifest; value: object; part?: true }[]) {
  const name = join(process.cwd(), 'test/docs/manifests.ts');
  const text = [
    'type Part<T> = T extends readonly (infer E)[] ? Part<E>[]',
    '  : T extends object ? { [K in keyof T]?: Part<T[K]> } : T;',
    ...sources.flatMap(({ kind: { apiVersion, kind }, value, part }, index) => {
      const type = `import('kubernetes-models/${apiVersion}/${kind}').I${kind}`;
      const json = JSON.stringify(value, undefined, 1);
      return [`export const _${index}: ${part ? `Part<${type}>` : type} = ${json};`];
    }),
  ].join('\n');
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    skipLibCheck: true,
    noEmit: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.fileExists = (path) => path === name || fileExists(path);
  host.readFile = (path) => (path === name ? text : readFile(path));
  host.getSourceFile = (path, target) => {
    const source = host.readFile(path);
    return source === undefined ? undefined : ts.createSourceFile(path, source, target);
  };
  const program = ts.createProgram([name], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' ').trim());
}

describe('the Kubernetes manifests of the chat', () => {
  const manifests = readdirSync(folder).flatMap((file) =>
    parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document, index) => ({
      at: `${file} ${index + 1}`,
      manifest: document.toJS() as Manifest,
    })),
  );

  it.each(manifests)('match the schema of their kind: $at', ({ manifest }) => {
    expect(() => validate(manifest)).not.toThrow();
  });

  it('and the part of docs/deploys.md have no field that their kind does not have', () => {
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment' };
    const parts = blocksIn([page('docs/deploys.md')], 'yaml')
      .map(({ code }) => parse(code) as object)
      .filter((value) => 'spec' in value);
    expect(parts).toHaveLength(1);
    expect(
      unknownFields([
        ...manifests.map(({ manifest }) => ({ kind: manifest, value: manifest })),
        ...parts.map((value) => ({ kind: deployment, value, part: true as const })),
      ]),
    ).toEqual([]);
  });

  it('are a complete deployment', () => {
    expect(manifests.map(({ manifest }) => manifest.kind).toSorted()).toEqual([
      'Deployment',
      'HorizontalPodAutoscaler',
      'Ingress',
      'PodDisruptionBudget',
      'Secret',
      'Service',
    ]);
  });

  it('would be refused with an error in them', () => {
    const faulty = { apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: 'two' } };
    expect(() => validate(faulty)).toThrow('spec');
    const containers = [{ name: 'app', readinesProbe: {} }];
    const part = { spec: { template: { spec: { containers } } } };
    const [fault, ...others] = unknownFields([{ kind: faulty, value: part, part: true }]);
    expect(fault).toContain('"readinesProbe"');
    expect(others).toEqual([]);
  });
});
