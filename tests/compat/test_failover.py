"""Clients that ask Sentinel find the new master through the proxy, whoever wrote them.

One lab, and all clients at once in it: each writes numbers without end. The master is
changed by hand, and then the new one is killed.
"""

import importlib.util
import os
import signal
import subprocess
import sys
import threading

import pytest
from conftest import HERE, node_command
from exercises import needs_redis
from labs import DEADLINE, Lab, Redis, wait_until

pytestmark = needs_redis
CLIENTS = ("ioredis", "node-redis", "redis-py")
TCP_ESTABLISHED = "01"


class Client:
    """A process that writes, and the numbers that were acknowledged to it."""

    def __init__(self, name, argv):
        self.key = f"compat:{name}"
        self.acknowledged, self.errors = 0, []
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True,
                                        stdin=subprocess.DEVNULL)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("error"):
                self.errors.append(line)
            else:
                self.acknowledged = int(line)

    def peers(self):
        """The hosts that it has connections to."""
        inodes = set()
        for fd in os.listdir(f"/proc/{self.process.pid}/fd"):
            try:
                inodes.add(os.readlink(f"/proc/{self.process.pid}/fd/{fd}"))
            except FileNotFoundError:
                pass
        hosts = set()
        with open("/proc/net/tcp", encoding="ascii") as f:
            for words in (line.split() for line in f.readlines()[1:]):
                if words[3] == TCP_ESTABLISHED and f"socket:[{words[9]}]" in inodes:
                    octets = bytes.fromhex(words[2].split(":")[0])[::-1]
                    hosts.add(".".join(map(str, octets)))
        return hosts

    def end(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(DEADLINE)
        self.process.stdout.close()


def command(name, sentinels):
    if name == "redis-py":
        argv = [sys.executable, os.path.join(HERE, "follow_redis_py.py")]
    else:
        argv = node_command(f"follow_{name.replace('-', '_')}.js")
    return argv + [sentinels]


class Drill:
    """The lab, the clients, and what became of them."""

    def __init__(self, lab, clients):
        self.lab, self.clients = lab, clients
        self.at = {n["address"]: n for n in lab.map["nodes"]}
        self.trouble = {}

    def master(self):
        """Whom the sentinels name, when they agree."""
        said = set()
        for url in self.lab.map["url_s"].split(","):
            with Redis(url) as s:
                said.add(":".join(s.do("SENTINEL", "GET-MASTER-ADDR-BY-NAME",
                                       "mymaster")))
        return said.pop() if len(said) == 1 else None

    def stored(self, at, client):
        with Redis(self.at[at]["real"]) as r:
            return int(r.do("GET", client.key) or 0)

    def all_write_to(self, at, when):
        """Each client has had a write acknowledged that this master holds, and that was
        not written before."""
        for name, client in self.clients.items():
            before = client.acknowledged
            try:
                wait_until(lambda c=client, b=before: self.stored(at, c) > b + 1 and
                           c.acknowledged > b + 1, f"{name} writes to {at}")
                assert {h[:8] for h in client.peers()} == {"127.0.2."}
            except (AssertionError, OSError) as e:
                self.trouble.setdefault((name, when), f"{e} {client.errors[-3:]}")

    def new_master(self, old):
        return wait_until(lambda: (at := self.master()) != old and at,
                          f"there is another master than {old}")

    def is_whole(self):
        with Redis(self.lab.map["url_s"].split(",")[0]) as s:
            known = s.do("SENTINEL", "REPLICAS", "mymaster")
        return len(known) == 2 and all(dict(zip(r[::2], r[1::2]))["flags"] == "slave"
                                       for r in known)

    def run(self):
        first = self.master()
        self.all_write_to(first, "start")
        wait_until(self.is_whole, "two replicas are there")
        with Redis(self.lab.map["url_s"].split(",")[0]) as s:
            assert s.do("SENTINEL", "FAILOVER", "mymaster") == "OK"
        second = self.new_master(first)
        self.all_write_to(second, "failover")
        wait_until(self.is_whole, "the old master is a replica")
        os.kill(self.at[second]["pid"], signal.SIGKILL)
        self.all_write_to(self.new_master(second), "kill")


@pytest.fixture(scope="module")
def drill(tmp_path_factory, npm_trouble):
    have = {"ioredis": not npm_trouble, "node-redis": not npm_trouble,
            "redis-py": importlib.util.find_spec("redis")}
    clients = {}
    with Lab(tmp_path_factory.mktemp("lab"), "--sentinels", "3", "--fast",
             "--down-after", "500ms") as lab:
        sentinels = ",".join(u.rpartition("/")[2] for u in lab.map["url_s"].split(","))
        try:
            for name in CLIENTS:
                if have[name]:
                    clients[name] = Client(name, command(name, sentinels))
            done = Drill(lab, clients)
            done.run()
            yield done
        finally:
            for client in clients.values():
                client.end()


@pytest.mark.parametrize("when", ["start", "failover", "kill"])
@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_writes_through_the_proxy_to_whoever_is_master(drill, npm_trouble, name,
                                                                 when):
    if name not in drill.clients:
        pytest.skip(npm_trouble if name != "redis-py" else "no redis module for Python")
    assert (name, when) not in drill.trouble, drill.trouble[name, when]
