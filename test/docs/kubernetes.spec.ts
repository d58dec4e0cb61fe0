import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

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
  });
});
