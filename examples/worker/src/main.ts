import { NestFactory } from '@nestjs/core';
import { WorkerModule } from './worker.module.js';

// An application context: no HTTP server, no port, no gateways, and so no SocketStateAdapter.
const worker = await NestFactory.createApplicationContext(WorkerModule);
// On SIGTERM the current job is completed, and its event sent, before the connection to Redis is closed.
worker.enableShutdownHooks();
console.log('Waiting for jobs');
