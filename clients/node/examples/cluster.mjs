// A cluster whose primary starts a worker anew when one ends, so the primary is the one that looks:
// workers that left by the flag while it started new ones would be born and leave without an end.
import cluster from 'node:cluster';
import http from 'node:http';
import { flag } from '../stopctl.mjs';

if (cluster.isPrimary) {
  const stop = flag();
  cluster.on('exit', () => {
    if (!stop.isSet()) cluster.fork();
  });
  cluster.on('listening', (worker, address) => console.log(`ready ${address.port}`));
  cluster.fork();
  cluster.fork();

  await stop.wait();
  // Each closes its server, answers what has begun, and ends.
  await new Promise((ended) => cluster.disconnect(ended));
  console.log(`asked to stop: ${stop.request().reason}`);
} else {
  http.createServer((request, response) => response.end(`${process.pid}\n`)).listen(0, '127.0.0.1');
}
