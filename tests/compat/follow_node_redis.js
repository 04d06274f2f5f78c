// Write numbers to the master that the sentinels name; print each that was acknowledged.
'use strict';
const { createSentinel } = require('@redis/client');

const sentinelRootNodes = process.argv[2].split(',').map((at) => {
  const [host, port] = at.split(':');
  return { host, port: Number(port) };
});
const sentinel = createSentinel({
  name: 'mymaster',
  sentinelRootNodes,
  scanInterval: 200,
  nodeClientOptions: { commandOptions: { timeout: 1000 } },
});
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function main() {
  sentinel.on('error', () => {});
  await sentinel.connect();
  for (let n = 1; ; n++) {
    try {
      await sentinel.set('compat:node-redis', String(n));
      console.log(`${n}`);
    } catch (e) {
      console.log(`error ${e.message}`);
    }
    await pause(10);
  }
}

main();
