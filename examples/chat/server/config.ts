import { Injectable } from '@nestjs/common';
import { hostname } from 'node:os';
import type { RedisConnection } from 'nestjs-redis-propagator';

/** The configuration from the environment. An invalid value stops the start. */
@Injectable()
export class Config {
  readonly port = wholeNumber('PORT', 3000);
  /** A name for people, which stays the same after a restart. */
  readonly instance = text('INSTANCE_NAME') ?? hostname();
  /** The URL of this instance for browsers, if they can reach it directly: not behind a load balancer. */
  readonly publicUrl = text('PUBLIC_URL') ?? null;
  /** The URLs of the instances for browsers. Pages of each may connect to the others. */
  readonly instanceUrls = list('INSTANCE_URLS');

  readonly redis = redisConnection();
  /** Separates apps and environments that share a Redis. */
  readonly prefix = text('REDIS_PREFIX') ?? 'propagator';

  /** The same for all instances: each accepts the tokens of the others. */
  readonly jwtSecret = secret('JWT_SECRET');
  readonly tokenSeconds = wholeNumber('DEMO_TOKEN_SECONDS', 300);

  /** How long a user may be disconnected and come back without a report. */
  readonly presenceGraceMs = wholeNumber('PRESENCE_GRACE_MS', 5000);
  readonly shippingMs = wholeNumber('SHIPPING_MS', 4000);
  /** The time over which clients are moved to other instances when this one ends; see deploy/kubernetes. */
  readonly drainMs = wholeNumber('DRAIN_MS', 5000);
}

/** An empty variable counts as unset, because compose files pass unset variables on like this. */
function text(name: string): string | undefined {
  return process.env[name] || undefined;
}

function list(name: string): string[] {
  const entries = (text(name) ?? '').split(',').map((entry) => entry.trim());
  return entries.filter((entry) => entry !== '');
}

function wholeNumber(name: string, byDefault: number): number {
  const given = text(name);
  if (given === undefined) return byDefault;
  if (/^\d{1,9}$/.test(given)) return Number(given);
  throw new Error(`${name} is "${given}". It has to be a whole number.`);
}

function secret(name: string): string {
  const given = text(name);
  if (given !== undefined && Buffer.byteLength(given) >= 32) return given;
  throw new Error(`${name} has to have 32 bytes or more. Make one with: openssl rand -base64 32`);
}

/** REDIS_CLUSTER_NODES (`host:port,host:port`) for a Redis Cluster, or else REDIS_URL. */
function redisConnection(): Extract<RedisConnection, string | { nodes: unknown }> {
  const nodes = list('REDIS_CLUSTER_NODES').map((node) => {
    const [host, port] = node.split(':');
    return { host: host ?? node, port: Number(port ?? 6379) };
  });
  return nodes.length > 0 ? { nodes } : (text('REDIS_URL') ?? 'redis://localhost:6379');
}
