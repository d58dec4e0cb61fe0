/** The redis-server that the global set-up of the tests found. */
export function serverBin(): { bin?: string } {
  const bin = process.env['TEST_REDIS_SERVER_BIN'];
  return bin === undefined ? {} : { bin };
}
