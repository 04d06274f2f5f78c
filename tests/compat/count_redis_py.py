"""Count to 15 with INCR; say how many were acknowledged, and what was raised."""

import json
import sys

import redis

host, port = sys.argv[1].split(":")
client = redis.Redis(host, int(port))
acknowledged, errors = 0, []
for _ in range(15):
    try:
        client.incr("counter")
        acknowledged += 1
    except redis.RedisError as e:
        errors.append(str(e))
print(json.dumps({"acknowledged": acknowledged, "errors": errors}))
