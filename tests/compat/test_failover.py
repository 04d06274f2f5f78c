"""Clients that ask Sentinel find the new master through the proxy, whoever wrote them.

One lab, and all clients at once in it: each writes numbers without end. The master is
changed by hand, and then the new one is killed.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time

import pytest
from conftest import CLIENTS, command, missing
from exercises import needs_redis
from labs import DEADLINE, Lab, Redis, wait_until

pytestmark = needs_redis
TCP_ESTABLISHED = "01"


class Client:
    """A process that writes, and the numbers that were acknowledged to it."""

    def __init__(self, name, argv):
        self.key = f"compat:{name}"
        self.acknowledged, self.errors, self.times = 0, [], []
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True,
                                        stdin=subprocess.DEVNULL)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("error"):
                self.errors.append(line)
            else:
                self.times.append(time.monotonic())
                self.acknowledged = int(line)

    def longest_gap(self, start):
        """Between two writes that were acknowledged, from then on, in seconds."""
        times = [t for t in self.times if t >= start]
        before = [t for t in self.times if t < start][-1:]
        return max(b - a for a, b in zip(before + times, times))

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


class Drill:
    """The lab, the clients, and what became of them."""

    def __init__(self, lab, clients):
        self.lab, self.clients = lab, clients
        self.at = {n["address"]: n for n in lab.map["nodes"]}
        self.side = "127.0.1." if lab.map["direct"] else "127.0.2."
        self.trouble, self.gaps = {}, {}

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
                assert {h[:8] for h in client.peers()} == {self.side}
            except (AssertionError, OSError) as e:
                self.trouble.setdefault((name, when), f"{e} {client.errors[-3:]}")

    def new_master(self, old):
        return wait_until(lambda: (at := self.master()) != old and at,
                          f"there is another master than {old}")

    def fail_over(self, old):
        """Sentinels in haste may turn the promoted one back: then again."""
        if self.master() == old:
            with Redis(self.lab.map["url_s"].split(",")[0]) as s:
                s.do("SENTINEL", "FAILOVER", "mymaster")
        return self.master() not in (None, old) and self.master()

    def is_whole(self):
        with Redis(self.lab.map["url_s"].split(",")[0]) as s:
            known = s.do("SENTINEL", "REPLICAS", "mymaster")
        return len(known) == 2 and all(dict(zip(r[::2], r[1::2]))["flags"] == "slave"
                                       for r in known)

    def measure(self, when, start):
        for name, client in self.clients.items():
            if (name, when) not in self.trouble:
                self.gaps[name, when] = client.longest_gap(start)

    def run(self):
        first = self.master()
        self.all_write_to(first, "start")
        wait_until(self.is_whole, "two replicas are there")
        start = time.monotonic()
        second = wait_until(lambda: self.fail_over(first), f"{first} is replaced")
        self.all_write_to(second, "failover")
        self.measure("failover", start)
        wait_until(self.is_whole, "the old master is a replica")
        start = time.monotonic()
        os.kill(self.at[second]["pid"], signal.SIGKILL)
        self.all_write_to(self.new_master(second), "kill")
        self.measure("kill", start)


@contextlib.contextmanager
def drill_in(directory, npm_trouble, *args):
    clients = {}
    with Lab(directory, "--sentinels", "3", "--fast", "--down-after", "500ms",
             *args) as lab:
        sentinels = ",".join(u.rpartition("/")[2] for u in lab.map["url_s"].split(","))
        try:
            for name in CLIENTS:
                if not missing(name, npm_trouble):
                    clients[name] = Client(name, command("follow", name, sentinels))
            done = Drill(lab, clients)
            done.run()
            yield done
        finally:
            for client in clients.values():
                client.end()


@pytest.fixture(scope="module")
def drill(tmp_path_factory, npm_trouble):
    with drill_in(tmp_path_factory.mktemp("lab"), npm_trouble) as done:
        yield done


@pytest.mark.parametrize("when", ["start", "failover", "kill"])
@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_writes_through_the_proxy_to_whoever_is_master(drill, npm_trouble, name,
                                                                 when):
    if name not in drill.clients:
        pytest.skip(missing(name, npm_trouble))
    assert (name, when) not in drill.trouble, drill.trouble[name, when]
