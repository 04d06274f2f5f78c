"""Bare redis-server processes for tests of what talks to any Redis, lab or not.

They die with the test, also if that is killed. Nothing sleeps to wait.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

from labs import DEADLINE, Redis, wait_until

SERVER = shutil.which("redis-server") or shutil.which("valkey-server")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A redis-server that keeps nothing on disk; config as in redis.conf."""

    def __init__(self, directory, *config):
        self.port = free_port()
        self.at = f"127.0.0.1:{self.port}"
        self.url = f"redis://{self.at}"
        self.argv = [SERVER, "--port", str(self.port), "--bind", "127.0.0.1",
                     "--save", "", "--dir", str(directory),
                     "--repl-diskless-sync-delay", "0", *config]
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            self.argv, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
            preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        wait_until(self.listens, f"{self.at} listens")

    def restart(self):
        """After it was killed: with what it has on disk."""
        self.process.wait()
        self.start()

    def is_loaded(self):
        return self.do("PING") == "PONG"

    def listens(self):
        assert self.process.poll() is None, "redis-server ended"
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def do(self, *words):
        with Redis(self.at) as r:
            return r.do(*words)

    def info(self, section):
        with Redis(self.at) as r:
            return r.info(section)

    def keys(self):
        return self.do("KEYS", "*")

    def follow(self, master_port):
        assert self.do("REPLICAOF", "127.0.0.1", master_port) == "OK"
        wait_until(lambda: self.info("replication").get("master_link_status") == "up",
                   "the replica is in sync")

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        self.process.kill()
        self.process.wait()


class Configured:
    """A redis-server or a sentinel that is started from the text of its configuration, as
    a user has it; `real` is where that says it listens."""

    def __init__(self, real, directory, text):
        conf = directory / "conf"
        conf.write_text(f"dir {directory}\n{text}\n")
        self.real = real
        self.process = subprocess.Popen(
            [SERVER, str(conf)] + ["--sentinel"] * ("sentinel monitor" in text),
            stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
            preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        wait_until(self.answers, f"{real} answers")

    def answers(self):
        assert self.process.poll() is None, "redis-server ended"
        with contextlib.suppress(OSError):
            return not self.do("PING").startswith("LOADING")  # NOAUTH is an answer too

    def do(self, *words):
        with Redis(self.real) as r:
            return r.do(*words)

    def end(self):
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def servers(directory, *configs):
    """One for each tuple of configuration."""
    running = []
    try:
        for config in configs:
            running.append(Server(directory, *config))
        yield running
    finally:
        for s in running:
            s.end()


class Scripted:
    """A listener whose every connection is handed to `serve(socket)` in a thread."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.at = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.open, self.serve = [], serve
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                s, _ = self.listener.accept()
                s.settimeout(DEADLINE)
                self.open.append(s)
                threading.Thread(target=self.run, args=(s,), daemon=True).start()

    def run(self, s):
        with contextlib.suppress(OSError):
            self.serve(s)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for s in self.open:
            s.close()


def delay_line(to_port, seconds):
    """A relay for replication: what the master says arrives that much later."""

    def pump(source, target, wait):
        queue, more = [], threading.Condition()

        def deliver():
            with contextlib.suppress(OSError):
                while True:
                    with more:
                        more.wait_for(lambda: queue)
                        due, data = queue.pop(0)
                    while (left := due - time.monotonic()) > 0:
                        time.sleep(left)  # this is the delay that is wanted
                    if not data:
                        return target.shutdown(socket.SHUT_WR)
                    target.sendall(data)

        threading.Thread(target=deliver, daemon=True).start()
        while True:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            with more:
                queue.append((time.monotonic() + wait, data))
                more.notify()
            if not data:
                return

    def serve(s):
        upstream = socket.create_connection(("127.0.0.1", to_port))
        for end in (s, upstream):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=pump, args=(s, upstream, 0), daemon=True).start()
        pump(upstream, s, seconds)

    return Scripted(serve)
