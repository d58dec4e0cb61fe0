import { createApp } from './create-app.js';
import { Config } from './config.js';
import { StopRequests } from './cluster/stop-requests.js';

const app = await createApp();

// The stop button of the page. As with SIGTERM, clients are moved to other instances first. After that nothing
// keeps the process alive.
app.get(StopRequests).requested$.subscribe(({ kill }) => {
  if (kill === true) process.kill(process.pid, 'SIGKILL');
  else void app.close();
});

await app.listen(app.get(Config).port);
console.log(`Listening on ${await app.getUrl()}`);
