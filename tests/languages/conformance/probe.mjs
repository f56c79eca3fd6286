// Answers the questions of tests/languages/conformance.rs with clients/node/stopctl.mjs, which is beside it.
import readline from 'node:readline';
import { flag } from './stopctl.mjs';

const stop = flag();

function request() {
  const asked = stop.request();
  if (!asked) return 'none';
  return `${asked.level} ${asked.reason ?? '-'} ${asked.deadline ?? '-'}`;
}

async function answer(question, time) {
  switch (question) {
    case 'supervised':
      return stop.isSupervised ? 'yes' : 'no';
    case 'look':
      return stop.isSet() ? 'stop' : 'run';
    case 'request':
      return request();
    default:
      return (await stop.wait(Number(time))) ? 'stop' : 'timeout';
  }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  console.log(await answer(...line.split(' ')));
}
