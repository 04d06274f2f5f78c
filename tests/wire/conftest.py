"""Scripted peers on real sockets: a dialer, an upstream, and the proxy between them.

A test plays both ends itself, one step after the other, so that it reads as the story it
tells. Nothing sleeps to wait: whatever blocks has a deadline.
"""

import json
import os
import re
import resource
import select
import shlex
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

DEADLINE = 20.0  # for what should happen at once, on a busy machine, under sanitizers
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SUNDER = os.environ.get("SUNDER") or os.path.join(ROOT, "build", "sunder")

PING, PONG = b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"


def _sanitized():
    try:
        with open(SUNDER, "rb") as f:
            return b"__asan_init" in f.read()
    except FileNotFoundError:
        return False


SANITIZED = _sanitized()  # memory and speed then say nothing about the proxy


def wait_until(condition, what, deadline=DEADLINE):
    """For state that nobody announces: look again and again, give up with a reason."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"still not after {deadline} s: {what}"
        select.select([], [], [], 0.002)


class Peer:
    """One end of a connection. Whatever does not happen in time raises."""

    def __init__(self, sock):
        self.sock = sock
        sock.settimeout(DEADLINE)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        self.sock.sendall(data)

    def recv(self, n):
        """Exactly n bytes."""
        got = bytearray()
        while len(got) < n:
            part = self.sock.recv(min(n - len(got), 1 << 20))
            assert part, f"ended after {len(got)} of {n} bytes: {bytes(got[-80:])!r}"
            got += part
        return bytes(got)

    def expect(self, data):
        got = self.recv(len(data))
        assert got == data, f"{got[:200]!r} instead of {data[:200]!r}"

    def rest(self):
        """All up to the end of the stream."""
        got = bytearray()
        while part := self.sock.recv(1 << 20):
            got += part
        return bytes(got)

    def expect_end(self):
        got = self.sock.recv(100)
        assert got == b"", f"{got!r} instead of the end of the stream"

    def expect_reset(self):
        with pytest.raises(ConnectionResetError):
            while self.sock.recv(1 << 20):
                pass
            pytest.fail("the stream ended in order, without a reset")

    def silent(self, seconds):
        """Did nothing at all arrive, no end either, for so long?"""
        return not select.select([self.sock], [], [], seconds)[0]

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def fill(self, data=bytes(65536)):
        """Send until nothing moves any more for a while; answer the bytes sent."""
        self.sock.setblocking(False)
        sent = 0
        while select.select([], [self.sock], [], 0.5)[1]:
            try:
                sent += self.sock.send(data)
            except BlockingIOError:
                pass
        self.sock.settimeout(DEADLINE)
        return sent


class Upstream:
    """A listening server whose connections the test plays."""

    def __init__(self, address=("127.0.0.1", 0), family=socket.AF_INET, backlog=1024):
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if family != socket.AF_UNIX:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(address)
        self.sock.listen(backlog)
        self.sock.settimeout(DEADLINE)
        self.family, self.peers, self.threads = family, [], []

    @property
    def address(self):
        name = self.sock.getsockname()
        if self.family == socket.AF_UNIX:
            return f"unix:{name}"
        return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"

    @property
    def port(self):
        return self.sock.getsockname()[1]

    def accept(self):
        peer = Peer(self.sock.accept()[0])
        self.peers.append(peer)
        return peer

    def serve(self, play):
        """Play each connection in a thread of its own, until the test ends."""
        def one(peer):
            try:
                play(peer)
            except OSError:
                pass
            peer.close()

        def loop():
            while True:
                try:
                    peer = self.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(peer,), daemon=True).start()
        threading.Thread(target=loop, daemon=True).start()
        return self

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        for peer in self.peers:
            peer.close()


def echo(peer):
    while data := peer.sock.recv(1 << 16):
        peer.send(data)


def pong(peer):
    """A server that knows one command, PING."""
    have = b""
    while data := peer.sock.recv(1 << 16):
        have += data
        n = have.count(PING)
        assert have == PING * n + PING[:len(have) - len(PING) * n]
        have = have[len(PING) * n:]
        peer.send(PONG * n)


def logfmt(line):
    """The fields of one log line; a number stays text."""
    try:
        words = shlex.split(line)
    except ValueError:
        return {}
    return dict(w.split("=", 1) for w in words if "=" in w)


class Sunder:
    """A running `sunder proxy`, and its log as it is written."""

    def __init__(self, argv, limits=None):
        def limit():
            for what, value in (limits or {}).items():
                resource.setrlimit(what, value)
        for surface in ("--console", "--api"):
            toxiproxy = surface == "--api" and any(a.startswith("-port") for a in argv)
            if surface not in argv and not toxiproxy:
                argv = [*argv, surface, "off"]
        self.argv, self.log = [SUNDER, "proxy", *argv], []
        self.news = threading.Condition()
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, errors="replace", preexec_fn=limit)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            with self.news:
                self.log.append(line.rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.log.append(None)
            self.news.notify_all()

    def event(self, ev, deadline=DEADLINE, after=0, **fields):
        """The first log line of that event, with these fields, from line `after` on."""
        def find():
            for i, line in enumerate(self.log[after:]):
                if line is None:
                    return -1, {}
                got = logfmt(line)
                if got.get("ev") == ev and fields.items() <= got.items():
                    return after + i + 1, got
            return None
        with self.news:
            found = self.news.wait_for(find, deadline)
        assert found and found[0] != -1, f"no ev={ev} {fields} in the log:\n{self.text()}"
        return found[1]

    def events(self, ev):
        with self.news:
            return [f for f in map(logfmt, filter(None, self.log)) if f.get("ev") == ev]

    def text(self):
        return "\n".join(line for line in self.log if line is not None)

    def address(self, node="r1"):
        """Where a node listens, for socket.connect; known once it does."""
        where = self.event("listen", node=node)["address"]
        host, port = where.rsplit(":", 1)
        return host.strip("[]"), int(port)

    def dial(self, node="r1", source=None, rcvbuf=None):
        host, port = self.address(node)
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if rcvbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        if source:
            sock.bind((source, 0))
        sock.settimeout(DEADLINE)
        sock.connect((host, port))
        return Peer(sock)

    def stats(self):
        with self.news:
            after = len(self.log)
        self.process.send_signal(signal.SIGUSR1)
        return {k: float(v) for k, v in self.event("stats", after=after).items()
                if re.fullmatch(r"[\d.]+", v)}

    def stats_when(self, what, condition):
        """Wait until the counters fulfil a condition; answer them."""
        def ask():
            stats = self.stats()
            return stats if condition(stats) else None
        return wait_until(ask, what)

    def cpu(self):
        """Seconds of CPU it has used."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self, what="VmRSS"):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return next(int(s.split()[1]) * 1024 for s in f if s.startswith(what))

    def terminate(self, times=1):
        """SIGTERM, and again once that has been heeded: signals that wait are merged."""
        for _ in range(times):
            with self.news:
                after = len(self.log)
            self.process.send_signal(signal.SIGTERM)
            self.event("stop", after=after)

    def wait(self, deadline=DEADLINE):
        status = self.process.wait(deadline)
        self.reader.join(deadline)
        return status

    def reap(self):
        """Whatever happened, it must end in order; a sanitizer's report is a failure."""
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGINT)
            status = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = f"none {DEADLINE} s after SIGINT"
            self.process.wait()
        self.reader.join(DEADLINE)
        self.process.stderr.close()
        return status


@pytest.fixture
def sunder(tmp_path, request):
    """Start a proxy: sunder(upstream, rules, flags...) or sunder(config={...})."""
    running = []

    def start(upstream=None, rules=(), *flags, config=None, limits=None, listen=None):
        argv = [str(f) for f in flags]
        if config is not None:
            path = tmp_path / f"sunder-{len(running)}.yaml"
            path.write_text(config if isinstance(config, str) else json.dumps(config))
            argv = ["--config", str(path)] + argv
        if upstream is not None:
            where = upstream if isinstance(upstream, str) else upstream.address
            argv += ["--listen", listen or "127.0.0.1:0", "--upstream", where]
        for rule in [rules] if isinstance(rules, str) else rules:
            argv += ["--rule", rule]
        proxy = Sunder(argv, limits)
        running.append(proxy)
        proxy.event("ready")
        return proxy

    yield start
    for proxy in running:
        status = proxy.reap()
        request.node.add_report_section("call", "sunder", " ".join(proxy.argv) + "\n" +
                                        "\n".join(proxy.text().split("\n")[-60:]))
        if status != 0 and status is not getattr(proxy, "may_end_with", 0):
            pytest.fail(f"sunder ended with status {status}:\n{proxy.text()[-4000:]}")


@pytest.fixture
def upstream():
    """Start servers: upstream() is one on a free port of 127.0.0.1."""
    started = []

    def start(*args, **kwargs):
        started.append(Upstream(*args, **kwargs))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def pair(sunder, upstream):
    """pair(rules, flags...): a proxy with a session open: (proxy, dialer, server end)."""
    dialers = []

    def start(rules=(), *flags, rcvbuf=None, **kwargs):
        server = upstream()
        proxy = sunder(server, rules, *flags, **kwargs)
        dialers.append(proxy.dial(rcvbuf=rcvbuf))
        return proxy, dialers[-1], server.accept()

    yield start
    for dialer in dialers:
        dialer.close()


def command(*words):
    """A request as clients send it."""
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    bulks = (b"$%d\r\n%b\r\n" % (len(w), w) for w in words)
    return b"*%d\r\n" % len(words) + b"".join(bulks)


@pytest.fixture(autouse=True)
def descriptors():
    """A test may need many; each starts with what the machine allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
