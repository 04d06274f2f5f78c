"""A `sunder lab` for tests: start it, talk to it, see what is left of it.

Nothing sleeps to wait: whatever is waited for has a deadline.
"""

import json
import os
import select
import signal
import socket
import subprocess
import time

# For what takes a second, on a busy machine, under sanitizers; longer for long forms.
DEADLINE = 40.0 * float(os.environ.get("PATIENCE", "1"))
ENVIRONMENT = dict(os.environ)  # pytest writes to that one while threads read
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SUNDER = os.path.abspath(os.environ.get("SUNDER") or
                         os.path.join(ROOT, "build", "sunder"))


def wait_until(condition, what, deadline=DEADLINE):
    end = time.monotonic() + deadline
    while not (value := condition()):
        assert time.monotonic() < end, f"still not after {deadline} s: {what}"
        select.select([], [], [], 0.005)
    return value


def alive(pid):
    """Does the process run? One that nobody has waited for yet does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def family(pid):
    """The process and all that descend from it."""
    pids = [pid]
    for p in pids:
        try:
            for task in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{task}/children", encoding="ascii") as f:
                    pids += [int(c) for c in f.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            pass
    return pids


class Redis:
    """A connection that speaks RESP2 and RESP3; errors come back as RedisError."""

    def __init__(self, address):
        host, port = address.rpartition("/")[2].rsplit(":", 1)
        self.sock = socket.create_connection((host, int(port)), timeout=DEADLINE)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def do(self, *words):
        parts = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.sock.sendall(b"*%d\r\n" % len(parts) +
                          b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        assert line.endswith(b"\r\n"), f"the connection ended: {line!r}"
        kind, rest = line[:1], line[1:-2].decode()
        if kind in b"$=":
            return None if rest == "-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind in b"*~>":
            return [self.reply() for _ in range(int(rest))]
        if kind == b"%":
            return {self.reply(): self.reply() for _ in range(int(rest))}
        if kind == b"-":
            return RedisError(rest)
        return int(rest) if kind == b":" else rest

    def info(self, section):
        lines = self.do("INFO", section).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)


class RedisError(str):
    """An error reply."""


class Lab:
    """`sunder lab -o json` and what it printed."""

    def __init__(self, tmpdir, *args, binary=SUNDER, own_group=False):
        self.tmpdir = str(tmpdir)
        self.stderr_path = os.path.join(self.tmpdir, "stderr")
        with open(self.stderr_path, "w", encoding="utf-8") as stderr:
            self.process = subprocess.Popen(
                [binary, "lab", "-o", "json", *args], stdout=subprocess.PIPE,
                stderr=stderr, stdin=subprocess.DEVNULL, start_new_session=own_group,
                env={**ENVIRONMENT, "TMPDIR": self.tmpdir})
        readable, _, _ = select.select([self.process.stdout], [], [], DEADLINE)
        line = self.process.stdout.readline() if readable else b""
        assert line, f"the lab did not start: {self.stderr()}"
        self.map = json.loads(line)
        self.master, self.directory = self.map["url_m"], self.map["directory"]
        self.replicas = self.map["url_r"].split(",") if self.map["url_r"] else []
        self.pids = family(self.process.pid)

    def stderr(self):
        with open(self.stderr_path, encoding="utf-8") as f:
            return f.read()

    def node(self, name):
        return next(n for n in self.map["nodes"] if n["name"] == name)

    def end(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        return self.process.wait(DEADLINE)

    def assert_nothing_left(self):
        wait_until(lambda: not any(map(alive, self.pids)), f"all of {self.pids} are gone")
        wait_until(lambda: not os.path.exists(self.directory), "its directory is gone")
        left = [f for f in os.listdir(self.tmpdir) if f.startswith("sunder-lab")]
        assert left == []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.end()
        self.process.stdout.close()
        sweep(self.pids[1:], self.tmpdir)


def sweep(pids, tmpdir):
    """Only if a test has failed is anything left to kill. The numbers may be others' by
    now: only who works in tmpdir, or was given it as TMPDIR, is one of ours."""
    for pid in pids:
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                told = f"TMPDIR={tmpdir}\0".encode() in f.read() + b"\0"
            works_there = os.readlink(f"/proc/{pid}/cwd").startswith(f"{tmpdir}/")
            if (told or works_there) and alive(pid):
                os.kill(pid, signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass


def sunder(*args, env=None, deadline=DEADLINE):
    """Run it to its end."""
    return subprocess.run([SUNDER, *args], capture_output=True, text=True, check=False,
                          timeout=deadline, stdin=subprocess.DEVNULL,
                          env={**ENVIRONMENT, **(env or {})})
