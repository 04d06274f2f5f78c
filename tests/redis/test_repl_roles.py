"""Rules that say master and replica: they mean whoever that is at the moment."""

import contextlib
import json
import random
import re

import pytest
from labs import Redis, wait_until
from links import QUIET, Asked, write
from servers import SERVER, Server

pytestmark = pytest.mark.skipif(SERVER is None, reason="no redis-server")


class Trio:
    """r1, r2 and r3 behind one proxy that tells them by the address they dial from."""

    def __init__(self, stack, directory):
        net = f"127.{random.randrange(60, 250)}.{random.randrange(1, 250)}"
        self.server, nodes = {}, []
        for i, name in enumerate(("r1", "r2", "r3"), 1):
            (directory / name).mkdir()
            self.server[name] = Server(directory / name, *QUIET, "--bind-source-addr",
                                       f"{net}.{i}")
            stack.callback(self.server[name].end)
            nodes.append({"name": name, "listen": "127.0.0.1:0",
                          "upstream": self.server[name].at, "sources": [f"{net}.{i}"]})
        config = directory / "proxy.json"
        config.write_text(json.dumps({"nodes": nodes}))
        self.proxy = stack.enter_context(Asked(None, flags=("--config", str(config))))
        self.at = dict(re.findall(r"ev=listen node=(\S+) address=(\S+)",
                                  "".join(self.proxy.log)))

    def follow(self, name, master):
        """Asked through the proxy, as Sentinel does."""
        with Redis(self.at[name]) as client:
            words = self.at[master].split(":") if master else ("NO", "ONE")
            assert client.do("REPLICAOF", *words) == "OK"
        if master:
            wait_until(lambda: self.server[name].info("replication").get(
                "master_link_status") == "up", f"{name} follows {master}")

    def roles(self):
        return {n["name"]: n["role"] for n in self.proxy.call("GET", "/nodes")}

    def behind(self, master, *replicas):
        """Each lacks exactly five of twenty more writes to the master."""
        key = f"n:{random.random()}"
        write(self.server[master], [("INCR", key)] * 20)
        for name in replicas:
            wait_until(lambda: self.server[name].do("GET", key) == "15",
                       f"{name} is five behind {master}")


@pytest.fixture
def trio(tmp_path):
    with contextlib.ExitStack() as stack:
        yield Trio(stack, tmp_path)


def test_roles_follow_a_failover_and_so_do_rules(trio):
    trio.follow("r2", "r1")
    trio.follow("r3", "r1")
    assert trio.roles() == {"r1": "master", "r2": "replica", "r3": "replica"}
    trio.proxy.add("behind: on replica -> master do lag commands=5")
    trio.behind("r1", "r2", "r3")

    trio.follow("r2", None)
    wait_until(lambda: trio.roles()["r2"] == "master", "r2 is known to be a master")
    trio.follow("r3", "r2")
    trio.behind("r2", "r3")
    trio.follow("r1", "r2")
    assert trio.roles() == {"r1": "replica", "r2": "master", "r3": "replica"}
    trio.behind("r2", "r1", "r3")
    trio.proxy.remove("behind")
    wait_until(lambda: len({s.do("DEBUG", "DIGEST") for s in trio.server.values()}) == 1,
               "all have the same data")


def test_a_replica_that_has_replicas_is_still_one(trio):
    trio.follow("r2", "r1")
    trio.follow("r3", "r2")
    assert trio.roles() == {"r1": "master", "r2": "replica", "r3": "replica"}
