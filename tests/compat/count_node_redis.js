// Count to 15 with INCR; say how many were acknowledged, and what was raised.
'use strict';
const { createClient } = require('@redis/client');

async function main() {
  const redis = createClient({ url: `redis://${process.argv[2]}` });
  const errors = [];
  let acknowledged = 0;
  redis.on('error', () => {});
  await redis.connect();
  for (let i = 0; i < 15; i++) {
    await redis.incr('counter').then(() => { acknowledged += 1; },
      (e) => errors.push(e.message));
  }
  console.log(JSON.stringify({ acknowledged, errors }));
  redis.destroy();
}

main();
