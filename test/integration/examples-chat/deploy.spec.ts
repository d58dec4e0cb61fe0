import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const example = join(process.cwd(), 'examples/chat');
const read = (path: string): string => readFileSync(join(example, path), 'utf8');
const yaml = (path: string): any => parse(read(path), { merge: true });

/** The variables that the server reads: `text('NAME')` and the like. */
const known = new Set(
  [...read('server/config.ts').matchAll(/\('([A-Z][A-Z_]+)'/g)].map(([, name]) => name),
);
/** The paths of the health checks. */
const health = new Set(
  [...read('server/health/health.controller.ts').matchAll(/@Get\('(\w+)'\)/g)].map(
    ([, path]) => `/${path}`,
  ),
);

const FAREWELL_MS = 1000;
/** The default of the library. */
const PUBLISH_TIMEOUT_MS = 5000;

const kubernetes = readdirSync(join(example, 'deploy/kubernetes')).map((file) =>
  yaml(`deploy/kubernetes/${file}`),
);
const ofKind = (kind: string): any => kubernetes.find((each) => each.kind === kind);
const container = () => ofKind('Deployment').spec.template.spec.containers[0];

describe('examples/chat/deploy', () => {
  it('reads its expectations from the server', () => {
    expect([...known]).toEqual(expect.arrayContaining(['PORT', 'REDIS_URL', 'JWT_SECRET']));
    expect([...health]).toEqual(['/livez', '/readyz', '/healthz']);
  });

  describe('compose', () => {
    const base = yaml('deploy/compose.yaml');
    const cluster = yaml('deploy/compose.cluster.yaml');
    const instances = [base.services.one, base.services.two];

    it('sets only variables that the server reads, and different names', () => {
      for (const { environment } of [...instances, cluster.services.one, cluster.services.two]) {
        expect([...known]).toEqual(expect.arrayContaining(Object.keys(environment)));
      }
      expect(instances.map(({ environment }) => environment.INSTANCE_NAME)).toEqual(['one', 'two']);
    });

    it('gives the instances time to drain before they are killed', () => {
      for (const { environment, stop_grace_period: grace } of instances) {
        const needed = Number(environment.DRAIN_MS) + FAREWELL_MS + PUBLISH_TIMEOUT_MS;
        expect(Number.parseInt(grace, 10) * 1000).toBeGreaterThan(needed);
      }
    });

    it('builds from the root, where the Dockerfile finds the files it copies', () => {
      expect(base.services.one.build).toEqual({
        context: '../../..',
        dockerfile: 'examples/chat/deploy/Dockerfile',
      });
      const dockerfile = read('deploy/Dockerfile');
      const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, files]) =>
        (files ?? '').split(' '),
      );
      expect(copied.length).toBeGreaterThan(10);
      const allowed = read('deploy/Dockerfile.dockerignore')
        .split('\n')
        .filter((line) => line.startsWith('!'))
        .map((line) => line.slice(1));
      for (const file of copied) {
        expect([file, existsSync(join(process.cwd(), file))]).toEqual([file, true]);
        expect(allowed.some((path) => file === path || file.startsWith(`${path}/`))).toBe(true);
      }
      // A `syntax` line would fetch one more image, and the file needs none.
      expect(dockerfile).not.toMatch(/^# *syntax=/m);
      // The command is the script that `npm start` runs.
      expect(dockerfile).toContain('CMD ["node", "dist/server/main.js"]');
      expect(JSON.parse(read('package.json')).scripts.start).toBe('node dist/server/main.js');
    });

    it('makes nginx balance clients over the instances by name and port, on the published port', () => {
      const nginx = read('deploy/nginx.conf');
      const upstreams = [...nginx.matchAll(/^\s+server (\w+):(\d+) /gm)].map(([, host, port]) => [
        host,
        port,
      ]);
      expect(upstreams).toEqual(
        ['one', 'two'].map((name) => [name, instances[0].environment.PORT]),
      );
      // Otherwise nginx keeps the address of a container that has come back with another one, and does not start
      // without all of them.
      expect(nginx).toContain('resolver 127.0.0.11 ');
      expect([...nginx.matchAll(/^\s+server \w+:\d+ resolve /gm)]).toHaveLength(upstreams.length);
      expect(nginx).toMatch(/^\s+zone /m);
      const listens = /listen (\d+);/.exec(nginx)?.[1];
      expect(base.services.nginx.ports).toEqual([`8080:${listens}`]);
    });

    it('names the existing nodes of the Cluster: three masters with a replica each', () => {
      const { services } = cluster;
      const nodes = Object.keys(services).filter((name) => name.startsWith('node-'));
      expect(nodes).toHaveLength(6);
      for (const name of nodes) expect(services[name].hostname).toBe(name);
      for (const entry of services.one.environment.REDIS_CLUSTER_NODES.split(',')) {
        expect(nodes).toContain(entry.split(':')[0]);
      }
      expect(Object.keys(services['cluster-init'].depends_on)).toEqual(nodes);
    });
  });

  describe('kubernetes', () => {
    it('has each kind once, all for the app of the Deployment', () => {
      expect(kubernetes.map(({ kind }) => String(kind)).toSorted()).toEqual([
        'Deployment',
        'HorizontalPodAutoscaler',
        'Ingress',
        'PodDisruptionBudget',
        'Secret',
        'Service',
      ]);
      const { template, selector } = ofKind('Deployment').spec;
      const labels = template.metadata.labels;
      expect(selector.matchLabels).toEqual(labels);
      expect(ofKind('Service').spec.selector).toEqual(labels);
      expect(ofKind('PodDisruptionBudget').spec.selector.matchLabels).toEqual(labels);
      expect(ofKind('HorizontalPodAutoscaler').spec.scaleTargetRef.name).toBe('chat');
    });

    it('sets only variables that the server reads, and secrets that exist', () => {
      const secrets = Object.keys(ofKind('Secret').stringData);
      for (const { name, valueFrom } of container().env) {
        expect([...known]).toContain(name);
        const key = valueFrom?.secretKeyRef?.key;
        expect([undefined, ...secrets]).toContain(key);
      }
    });

    it('probes existing paths, and never restarts because of Redis', () => {
      const { readinessProbe, livenessProbe, startupProbe, ports, env } = container();
      const paths = [readinessProbe, livenessProbe, startupProbe].map(
        ({ httpGet }) => httpGet.path,
      );
      expect(paths).toEqual(['/readyz', '/livez', '/livez']);
      for (const path of paths) expect([...health]).toContain(path);
      const port = env.find(({ name }: { name: string }) => name === 'PORT').value;
      expect(ports).toEqual([{ name: 'http', containerPort: Number(port) }]);
      expect(ofKind('Service').spec.ports[0].targetPort).toBe('http');
    });

    it('waits longer than a drain can take', () => {
      const { terminationGracePeriodSeconds: grace } = ofKind('Deployment').spec.template.spec;
      const { env, lifecycle } = container();
      const drain = Number(env.find(({ name }: { name: string }) => name === 'DRAIN_MS').value);
      const pause = Number(lifecycle.preStop.exec.command[1]) * 1000;
      expect(grace * 1000).toBeGreaterThan(pause + drain + FAREWELL_MS + PUBLISH_TIMEOUT_MS);
    });
  });

  it('locks all packages except those of this repository, and names no registry', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json'));
    const lock = JSON.parse(read('package-lock.json'));
    delete dependencies['nestjs-redis-propagator'];
    delete devDependencies['nestjs-redis-propagator-client'];
    expect(lock.packages['']).toMatchObject({ dependencies, devDependencies });
    expect(Object.keys(lock.packages[''].dependencies)).toEqual(Object.keys(dependencies));
    expect(read('package-lock.json')).not.toContain('"resolved"');
  });
});
