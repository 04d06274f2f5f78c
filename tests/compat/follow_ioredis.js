// Write numbers to the master that the sentinels name; print each that was acknowledged.
'use strict';
const Redis = require('ioredis');

const sentinels = process.argv[2].split(',').map((at) => {
  const [host, port] = at.split(':');
  return { host, port: Number(port) };
});
const redis = new Redis({
  sentinels,
  name: 'mymaster',
  connectTimeout: 2000,
  commandTimeout: 1000,
  retryStrategy: () => 50,
  sentinelRetryStrategy: () => 50,
});
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function main() {
  redis.on('error', () => {});
  for (let n = 1; ; n++) {
    try {
      await redis.set('compat:ioredis', n);
      console.log(`${n}`);
    } catch (e) {
      console.log(`error ${e.message}`);
    }
    await pause(10);
  }
}

main();
