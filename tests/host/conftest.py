"""Host faults: each test in a network of its own, whose devices end as they began.

The peers are those of tests/wire. What takes netem is marked so, and runs in a kernel
that has it: see uml beside this file.
"""

import contextlib
import ctypes
import importlib.util
import json
import os
import re
import subprocess
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
SPEC = importlib.util.spec_from_file_location(
    "peers", os.path.join(HERE, "..", "wire", "conftest.py"))
peers = importlib.util.module_from_spec(SPEC)
sys.modules["peers"] = peers
SPEC.loader.exec_module(peers)
sunder, upstream = peers.sunder, peers.upstream

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def call(name, *args):
    if getattr(LIBC, name)(*args) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def network():
    """A network for this thread, and for all that it starts."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        call("unshare", CLONE_NEWNET)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        call("setns", before, CLONE_NEWNET)
        os.close(before)


def why_not():
    """Why host faults cannot be tested here; None when they can."""
    try:
        with network():
            tc("qdisc add dev lo root handle 1: htb")
    except FileNotFoundError as e:
        return f"no {e.filename}"
    except OSError as e:
        return f"no network of our own: {e.strerror}"
    except subprocess.CalledProcessError as e:
        return f"no HTB here: {e.stderr.strip()}"
    return None


def tc(command):
    return subprocess.run(["tc", *command.split()], check=True, text=True,
                          capture_output=True).stdout


def qdiscs(dev="lo"):
    """Of a device: [{kind, handle, ...}], with counters."""
    return json.loads(tc(f"-s -j qdisc show dev {dev}") or "[]")


def classes(dev="lo"):
    """{"5d:1": {"rate": ..., "leaf": ..., "sent": packets, "dropped": ...}}"""
    found = {}
    for line in tc(f"-s class show dev {dev}").splitlines():
        if head := re.match(r"class htb (\S+) root (?:leaf (\S+) )?.*rate (\S+)", line):
            now = found[head[1]] = {"leaf": head[2], "rate": head[3]}
        elif sent := re.match(r" Sent \d+ bytes (\d+) pkt \(dropped (\d+)", line):
            now["sent"], now["dropped"] = int(sent[1]), int(sent[2])
    return found


def netem(dev="lo"):
    """The emulators of a device, with options and counters."""
    return [q for q in qdiscs(dev) if q["kind"] == "netem"]


def ours(dev="lo"):
    return any(q.get("handle") == "5d:" for q in qdiscs(dev))


def shape():
    """What tc shows, but for counts."""
    return tc("qdisc show")


NO_NETEM = []  # filled in once: why there is no netem


def has_netem():
    if not NO_NETEM:
        try:
            with network():
                tc("qdisc add dev lo root netem")
            NO_NETEM.append(None)
        except (OSError, subprocess.CalledProcessError):
            NO_NETEM.append("this kernel has no sch_netem")
    return NO_NETEM[0] is None


def pytest_collection_modifyitems(items):
    reason = why_not()
    for item in items:
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
        elif item.get_closest_marker("netem") and not has_netem():
            item.add_marker(pytest.mark.skip(reason=NO_NETEM[0]))


@pytest.fixture(autouse=True)
def net():
    """Entered before any proxy is started, left after the last has ended."""
    with network():
        before = shape()
        yield
        assert shape() == before, "something was left on a device"


@pytest.fixture
def servers(net, upstream):  # pylint: disable=redefined-outer-name,unused-argument
    return upstream


def console(proxy, command):
    """What the console answers: when it does, the rule is in force."""
    host, port = proxy.event("console")["address"].rsplit(":", 1)
    with peers.socket.create_connection((host, int(port)), timeout=peers.DEADLINE) as s:
        s.sendall(command.encode() + b"\r\n")
        s.shutdown(peers.socket.SHUT_WR)
        answer = b""
        while part := s.recv(65536):
            answer += part
        return answer.decode()


def order(proxy, command):
    answer = console(proxy, command)
    assert not answer.startswith("-"), f"{command}: {answer}"


class Link:
    """A session through the proxy: its two ends, and the time of an exchange."""

    def __init__(self, proxy, server, node="r1", source=None):
        self.dialer = proxy.dial(node, source=source)
        self.peer = server.accept()

    def exchange(self):
        """Seconds from a request to its reply."""
        start = time.perf_counter()
        self.dialer.send(peers.PING)
        self.peer.expect(peers.PING)
        self.peer.send(peers.PONG)
        self.dialer.expect(peers.PONG)
        return time.perf_counter() - start

    def rtt(self, n=20):
        """Milliseconds, of the tenth part that is fastest: the rest is the machine's."""
        return sorted(self.exchange() for _ in range(n))[n // 10] * 1e3

    def takes(self, least, most, n=20):
        """Is that an exchange's time, in ms? Asked again while the machine is busy."""
        seen = []
        for _ in range(10):
            seen.append(self.rtt(n))
            if least <= seen[-1] <= most:
                return True
        pytest.fail(f"{seen} ms, each of {n} exchanges; {least} to {most} expected")

    def trickle(self, n):
        """So many replies, a segment each, and all of them arrive."""
        for _ in range(n):
            self.peer.send(peers.PONG)
            time.sleep(0.001)
        self.dialer.expect(n * peers.PONG)

    def rate(self, size):
        """Bytes a second of a reply, once what may leave at once has left. A bucket lets
        a packet go and then waits for what it took: so the time up to an arrival is that
        of what came before it. On loopback a packet can be 64 KB long."""
        reply = b"$%d\r\n" % size + bytes(size) + b"\r\n"
        self.dialer.send(peers.command("GET", "k"))
        self.peer.expect(peers.command("GET", "k"))
        sender = peers.threading.Thread(target=self.peer.send, args=(reply,))
        sender.start()
        got, arrived = 0, []
        while got < len(reply):
            part = len(self.dialer.sock.recv(1 << 20))
            assert part, "the stream ended"
            if got > size // 4:
                arrived.append((time.perf_counter(), got))
            got += part
        sender.join()
        (start, first), (end, last) = arrived[0], arrived[-1]
        return (last - first) / (end - start) if end > start else 1e12

    def carries(self, size, rate, rel):
        """Is that its rate, for a reply of that size? Asked again likewise."""
        seen = []
        for _ in range(5):
            seen.append(self.rate(size))
            if abs(seen[-1] - rate) <= rel * rate:
                return True
        pytest.fail(f"{seen} bytes a second; {rate} expected, give or take {rel}")

    def close(self):
        self.dialer.close()
        self.peer.close()


# Before a command: it is root, and may nonetheless not touch devices and sockets.
NO_CAPABILITY = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]

CUT, FREE = "127.0.0.77", "127.0.0.78"


def two_clients(server, *rules):
    """A node, and two named dialers of it."""
    return {
        "nodes": [{"name": "r1", "listen": "127.0.0.1:0", "upstream": server.address}],
        "clients": [{"name": "cut", "sources": [CUT]},
                    {"name": "free", "sources": [FREE]}],
        "rules": list(rules),
    }
