// Worker of tests/languages/clients/attached.rs: asks for its flag again and again, and gives its signal to many.
const { flag, StopFlag } = await import(process.argv[2]);

process.on('warning', (warning) => console.log(`warned: ${warning.message}`));
for (let n = 0; n < 1000; n++) StopFlag.fromEnv().isSet();
for (let n = 0; n < 100; n++) flag().signal.addEventListener('abort', () => {});
// A warning comes before the next turn of the event loop.
setImmediate(() => console.log(flag().isSupervised ? 'ready' : 'not supervised'));
await flag().wait(60_000);
