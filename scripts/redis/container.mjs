// @ts-check

const image = 'redis:7-alpine';

/**
 * Starts Redis in a container with Testcontainers. Rejects if no container engine runs.
 *
 * @returns {Promise<{ url: string, stop: () => Promise<void> }>}
 */
export async function startRedisContainer() {
  await engineAnswers();
  const { RedisContainer } = await import('@testcontainers/redis');
  const container = await new RedisContainer(image).start();
  return {
    url: container.getConnectionUrl(),
    stop: async () => void (await container.stop()),
  };
}

/**
 * A docker command does not mean that an engine runs, so the engine itself is asked. An engine that accepts the
 * request and never replies counts as none.
 */
async function engineAnswers() {
  const { getContainerRuntimeClient } = await import('testcontainers');
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const tooLate = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('the Docker engine does not answer')), 5000);
  });
  try {
    await Promise.race([getContainerRuntimeClient(), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
