export default async function teardown() {
  await globalThis.__REDIS__?.stop();
}
