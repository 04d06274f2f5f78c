// Count to 15 with INCR; say how many were acknowledged, and what was raised.
'use strict';
const Redis = require('ioredis');

async function main() {
  const [host, port] = process.argv[2].split(':');
  const redis = new Redis(Number(port), host, { retryStrategy: () => 20 });
  const errors = [];
  let acknowledged = 0;
  redis.on('error', () => {});
  for (let i = 0; i < 15; i++) {
    await redis.incr('counter').then(() => { acknowledged += 1; },
      (e) => errors.push(e.message));
  }
  console.log(JSON.stringify({ acknowledged, errors }));
  redis.disconnect();
}

main();
