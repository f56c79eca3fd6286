// An HTTP server that answers what has begun, and accepts nothing new, when it is asked to stop.
import http from 'node:http';
import { flag } from '../stopctl.mjs';

const stop = flag();
const server = http.createServer((request, response) => {
  console.log('begun');
  // What has begun runs to its end; stop.signal is for work that may be given up.
  setTimeout(() => response.end('whole\n'), 300);
});
server.listen(0, '127.0.0.1', () => console.log(`ready ${server.address().port}`));

await stop.wait(); // no timer and no thread: the event loop waits for the flag, too
await new Promise((closed) => server.close(closed)); // idle connections are closed
console.log(`asked to stop: ${stop.request().reason}`);
