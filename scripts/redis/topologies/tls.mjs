// @ts-check
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { promisify } from 'node:util';
import { startRedis } from '../server.mjs';

const run = promisify(execFile);

/**
 * @typedef {object} RunningTls
 * @property {string} host
 * @property {number} port
 * @property {{ ca: Buffer, cert: Buffer, key: Buffer }} tls the options of a client that the server accepts
 * @property {() => Promise<void>} stop
 */

/**
 * @typedef {object} ServerCertificate
 * @property {string} [names] default: the address at which the server listens
 * @property {number} [days] how long it is valid; below zero: it has expired
 */

/**
 * Starts a Redis that accepts only TLS, and only clients with a certificate of its own authority.
 *
 * @param {ServerCertificate} [certificate]
 * @returns {Promise<RunningTls>}
 */
export async function startTls(certificate = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'redis-tls-'));
  try {
    await makeCertificates(dir, certificate);
    const [ca, cert, key] = await Promise.all(
      ['ca.crt', 'client.crt', 'client.key'].map((name) => readFile(join(dir, name))),
    );
    const tls = {
      ca: Buffer.from(ca ?? ''),
      cert: Buffer.from(cert ?? ''),
      key: Buffer.from(key ?? ''),
    };
    const server = await startRedis({
      args: (port) => {
        const files = { ca: 'ca-cert-file', server: 'cert-file' };
        const certificates = Object.entries(files).flatMap(([name, option]) => [
          `--tls-${option}`,
          join(dir, `${name}.crt`),
        ]);
        const keyFile = ['--tls-key-file', join(dir, 'server.key')];
        const clients = ['--tls-auth-clients', 'yes'];
        return ['--port', '0', '--tls-port', String(port), ...clients, ...certificates, ...keyFile];
      },
      // A test may want a certificate that no client accepts.
      connect: (port) => tlsConnect({ host: '127.0.0.1', port, ...tls, rejectUnauthorized: false }),
    });
    return {
      host: server.host,
      port: server.port,
      tls,
      stop: async () => {
        await server.stop();
        await rm(dir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

/**
 * @param {string} dir where a .key and a .crt for each of `ca`, `server` and `client` are written
 * @param {ServerCertificate} certificate
 */
async function makeCertificates(dir, { names = 'IP:127.0.0.1,DNS:localhost', days = 2 }) {
  /** @param {string} args without spaces inside */
  const openssl = (args) => run('openssl', args.split(' '), { cwd: dir });
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
  await openssl(`req -x509 ${key} -keyout ca.key -out ca.crt -days 2 -subj /CN=test-authority`);
  await writeFile(join(dir, 'server.ext'), `subjectAltName=${names}\n`);
  await writeFile(join(dir, 'client.ext'), 'extendedKeyUsage=clientAuth\n');
  for (const name of ['server', 'client']) {
    await openssl(`req ${key} -keyout ${name}.key -out ${name}.csr -subj /CN=${name}`);
    const lasting = name === 'server' ? days : 2;
    const signed = `-CA ca.crt -CAkey ca.key -CAcreateserial -days ${lasting} -extfile ${name}.ext`;
    await openssl(`x509 -req -in ${name}.csr -out ${name}.crt ${signed}`);
  }
}
