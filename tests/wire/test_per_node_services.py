"""A Service of its own for each Redis node, without a cluster: pods are processes in
network namespaces of their own, a Service's address is where the proxy listens, and names
are in a small DNS. They come late, are denied first, and lead elsewhere later.
"""

import ctypes
import shutil
import signal
import subprocess

import pytest
from conftest import DEADLINE, wait_until
from nameserver import Nameserver, nameserver  # noqa: F401  pylint: disable=unused-import
from test_api import Api
from load import Load

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
GATEWAY, DOMAIN = "10.210.0.1", "shop.svc.k.test"
REDIS = shutil.which("redis-server") or shutil.which("valkey-server")
NODES = ("redis-0", "redis-1")
SERVICE = {name: f"10.211.0.{i + 1}" for i, name in enumerate(NODES)}
RULE = "seen: on redis-1 -> redis-0 replies do latency 1ms"
CONFIG = {"rules": [RULE], "nodes": [
    {"name": name, "listen": f"{SERVICE[name]}:6379",
     "upstream": f"{name}.redis-nodes:6379", "sources": f"{name}.redis-nodes"}
    for name in NODES]}

pytestmark = pytest.mark.skipif(not REDIS, reason="no redis-server")


def ip(*words, at=()):
    subprocess.run([*at, "ip", *map(str, words)], check=True, timeout=DEADLINE)


class Pod:
    """A Redis with a network, an address and a resolver of its own."""

    def __init__(self, folder, number, *config):
        self.ip = f"10.210.1.{number}"
        script = ('mount --bind "$0" /etc/resolv.conf && echo up && read -r plugged && '
                  'exec "$@"')
        self.process = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", script, folder / "resolv", REDIS,
             "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "", "--dir", folder,
             "--repl-diskless-sync-delay", "0", *config], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        assert self.process.stdout.readline() == "up\n"
        ip("link", "add", f"pod{number}", "type", "veth", "peer", "name", "eth0", "netns",
           self.process.pid)
        ip("link", "set", f"pod{number}", "up")
        ip("route", "add", self.ip, "dev", f"pod{number}", "src", GATEWAY)
        inside = ("nsenter", "-t", str(self.process.pid), "-n")
        ip("addr", "add", f"{self.ip}/32", "dev", "eth0", at=inside)
        for device in ("lo", "eth0"):
            ip("link", "set", device, "up", at=inside)
        ip("route", "add", GATEWAY, "dev", "eth0", at=inside)
        ip("route", "add", "default", "via", GATEWAY, at=inside)
        self.process.stdin.write("\n")
        self.process.stdin.close()
        wait_until(lambda: self.ask("PING") == "PONG", f"a Redis at {self.ip}")

    def ask(self, *words):
        """Past the proxy."""
        done = subprocess.run(["redis-cli", "-h", self.ip, *words], capture_output=True,
                              text=True, timeout=DEADLINE, check=False)
        return done.stdout.strip()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Shop:
    """The namespace: what is in its DNS, and its pods."""

    def __init__(self, folder, names):
        ip("addr", "add", f"{GATEWAY}/32", "dev", "lo")
        for address in SERVICE.values():
            ip("addr", "add", f"{address}/32", "dev", "lo")
        self.folder, self.names, self.pods = folder, names, []
        self.for_pods = Nameserver(GATEWAY)
        self.for_pods.zone = names.zone
        names.zone.update({f"{n}.{DOMAIN}": [a] for n, a in SERVICE.items()})
        (folder / "resolv").write_text(f"nameserver {GATEWAY}\nsearch {DOMAIN}\n"
                                       "options ndots:5 timeout:1 attempts:1\n")

    @staticmethod
    def full(name):
        return f"{name}.redis-nodes.{DOMAIN}"

    def pod(self, name):
        """One more, at an address that none had before. Its name is another matter."""
        config = ["--replica-announce-ip", name, "--repl-timeout", "5"]
        if name != "redis-0":
            config += ["--replicaof", "redis-0", "6379"]
        folder = self.folder / str(len(self.pods))
        folder.mkdir()
        shutil.copy(self.folder / "resolv", folder)
        self.pods.append(Pod(folder, len(self.pods) + 1, *config))
        return self.pods[-1]

    def name(self, name, pod):
        self.names.zone[self.full(name)] = [pod.ip]

    def close(self):
        for pod in self.pods:
            pod.end()
        self.for_pods.close()


@pytest.fixture
def shop(tmp_path, nameserver):  # noqa: F811  pylint: disable=redefined-outer-name
    one = Shop(tmp_path, nameserver)
    yield one
    one.close()


@pytest.fixture
def proxy(shop, sunder):
    return sunder(None, (), "--api", "127.0.0.1:0", config=CONFIG)


def in_sync(replica):
    return "master_link_status:up" in replica.ask("INFO", "replication")


def replicates(api):
    """Who has a replication link to whom, as the proxy knows them."""
    return [(s["from"], s["to"]) for s in api.ask("GET", "/sessions")[1]["sessions"]
            if s["role"] == "replication"]


def fired(api):
    return api.ask("GET", "/rules")[1][0]["fired"]


def test_pods_whose_names_come_late_find_one_another_and_are_known(shop, proxy):
    api = Api(proxy)
    replica = shop.pod("redis-1")
    wait_until(lambda: shop.full("redis-0") in shop.names.asked, "a look for the master")
    master = shop.pod("redis-0")
    assert not in_sync(replica), "it runs, but has no name yet"
    shop.name("redis-0", master)
    wait_until(lambda: in_sync(replica), "replication as soon as the master has a name")
    shop.name("redis-1", replica)
    wait_until(lambda: replicates(api) == [("redis-1", "redis-0")], "a replica by name")
    before = fired(api)
    assert master.ask("SET", "k", "v") == "OK"
    wait_until(lambda: replica.ask("GET", "k") == "v", "the write on the replica")
    assert fired(api) > before, "the rule about that link holds for it"
    assert "redis-1" in master.ask("ROLE")


def test_pods_that_come_back_elsewhere_are_followed_by_name(shop, proxy):
    api, pods = Api(proxy), {}
    for name in NODES:
        pods[name] = shop.pod(name)
        shop.name(name, pods[name])
    wait_until(lambda: in_sync(pods["redis-1"]), "replication")

    def comes_back(name):
        """As a StatefulSet has it: gone, with its name; back with another address."""
        pods[name].end()
        del shop.names.zone[shop.full(name)]
        pods[name] = shop.pod(name)
        shop.name(name, pods[name])
        wait_until(lambda: in_sync(pods["redis-1"]), "replication again")
        wait_until(lambda: replicates(api) == [("redis-1", "redis-0")], "it by its name")
        before = fired(api)
        assert pods["redis-0"].ask("SET", "k", name) == "OK"
        wait_until(lambda: pods["redis-1"].ask("GET", "k") == name, "the write")
        assert fired(api) > before

    comes_back("redis-0")
    with Load([proxy.dial("redis-0") for _ in range(4)]) as load:
        comes_back("redis-1")
        load.goes_on()
