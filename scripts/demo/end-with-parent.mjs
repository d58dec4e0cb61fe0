// @ts-check
// Loaded into the instances: they are not to outlive the demo, however it ends.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
// The channel itself is no reason to stay.
process.channel?.unref();
