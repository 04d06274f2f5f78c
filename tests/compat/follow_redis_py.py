"""Write numbers to the master that the sentinels name; print what was acknowledged."""

import sys
import time

import redis
from redis.sentinel import Sentinel

places = [at.split(":") for at in sys.argv[1].split(",")]
sentinels = Sentinel([(host, int(port)) for host, port in places], socket_timeout=1)
master = sentinels.master_for("mymaster", socket_timeout=1)
n = 0
while True:
    n += 1
    try:
        master.set("compat:redis-py", n)
        print(n, flush=True)
    except redis.RedisError as e:
        print(f"error {e}", flush=True)
    time.sleep(0.01)
