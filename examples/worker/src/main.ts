import { NestFactory } from '@nestjs/core';
import { WorkerModule } from './worker.module.js';

// An application context: no HTTP server, no port, no gateways, and so no SocketStateAdapter.
const worker = await NestFactory.createApplicationContext(WorkerModule);
// SIGTERM lets the job in hand end, and sends its event, before Redis is left.
worker.enableShutdownHooks();
console.log('Waiting for jobs');
