"""Is it safe to send a command again? Clients decide it without asking.

The proxy has the tenth INCR done and loses the answer. What a client makes of it is its
own affair, and known: these versions do what is written here.
"""

import json
import subprocess

import pytest
from conftest import CLIENTS, command, missing
from exercises import needs_redis
from labs import DEADLINE
from proxies import Proxy
from servers import servers

pytestmark = needs_redis
LOSE = "on client -> r1 when command=INCR,INCRBY nth=10 do lose-reply then=reset"
SENDS_AGAIN = {"ioredis"}


@pytest.mark.parametrize("name", CLIENTS)
def test_an_answer_that_is_lost_is_an_error_or_counts_twice(tmp_path, npm_trouble, name):
    if trouble := missing(name, npm_trouble):
        pytest.skip(trouble)
    with servers(tmp_path, ()) as (server,), Proxy(server.at, LOSE) as proxy:
        run = subprocess.run(command("count", name, proxy.at), capture_output=True,
                             text=True, check=False, timeout=DEADLINE)
        assert run.returncode == 0, run.stderr
        told = json.loads(run.stdout)
        stored = int(server.do("GET", "counter"))
    if name in SENDS_AGAIN:
        assert (told["acknowledged"], told["errors"], stored) == (15, [], 16)
    else:
        assert (told["acknowledged"], len(told["errors"]), stored) == (14, 1, 15)
