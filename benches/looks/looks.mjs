// A look and a wake in Node.js, for benches/looks/main.rs.
import { flag } from '../../clients/node/stopctl.mjs';

const stop = flag();
const [looks, rounds] = process.argv.slice(2).map(Number);
if (looks === 0) {
  console.log('ready');
  await stop.wait();
  console.log('awake');
}
for (let round = 0; looks > 0 && round < rounds; round++) {
  console.log('begin');
  for (let look = 0; look < looks; look++) {
    if (stop.isSet()) throw new Error('the flag is down');
  }
  console.log('end');
}
