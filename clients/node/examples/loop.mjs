// A worker that looks between two pieces of work, and passes its flag as an AbortSignal to what
// would otherwise keep it waiting.
import { setTimeout as sleep } from 'node:timers/promises';
import { flag } from '../stopctl.mjs';

const stop = flag();
let done = 0;
console.log('ready');
try {
  while (!stop.isSet()) {
    await sleep(done === 0 ? 1 : 30_000, undefined, { signal: stop.signal });
    done += 1;
  }
} catch (error) {
  if (error.name !== 'AbortError') throw error;
}
console.log(`asked to stop: ${stop.request().reason}; done ${done}`);
