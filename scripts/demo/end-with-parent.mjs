// @ts-check
// Loaded into the instances, so that they do not outlive the demo, however it ends.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
// The channel itself must not keep the process alive.
process.channel?.unref();
