"""A replication link through a proxy that is asked about it: two servers, their offsets,
and what the proxy says of them."""

import contextlib
import json
import random
import urllib.request

from labs import DEADLINE, Redis, wait_until
from proxies import Proxy
from servers import Server

QUIET = ("--repl-ping-replica-period", "3600", "--repl-timeout", "3600",
         "--enable-debug-command", "yes")


class Asked(Proxy):
    """A proxy with its HTTP API."""

    def __init__(self, upstream, *rules, flags=()):
        super().__init__(upstream, *rules, flags=("--api", "127.0.0.1:0",
                                                  "--drain-timeout", "1ms", *flags))
        line = next(text for text in self.log if "ev=api" in text)
        self.api = line.split("address=")[1].split()[0]

    def end(self):
        self.process.terminate()
        status = self.process.wait(DEADLINE)
        self.reader.join(DEADLINE)
        return status

    def call(self, method, path, body=None):
        request = urllib.request.Request(f"http://{self.api}{path}", method=method,
                                         data=body and json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            text = answer.read().decode()
        return json.loads(text) if text.startswith(("[", "{")) else text

    def add(self, sentence):
        self.call("POST", "/rules", {"rule": sentence})

    def remove(self, name):
        self.call("DELETE", f"/rules/{name}")

    def link(self):
        """Of the one link that replicates, or None."""
        live = [one for one in self.call("GET", "/links") if one["replicating"]]
        assert len(live) < 2, live
        return live[0] if live else None

    def view(self):
        link = self.link()
        return link["replication"] if link else None


class Pair:
    """A master, a proxy and a replica that dials it there."""

    def __init__(self, stack, directory, *master, rules=(), replica=(), flags=()):
        self.stack, self.directory = stack, directory
        self.master = self.start("master", *QUIET, *master)
        self.proxy = stack.enter_context(Asked(self.master.at, *rules, flags=flags))
        self.replica = self.start("replica", *QUIET, *replica)

    def start(self, name, *config):
        (self.directory / name).mkdir(exist_ok=True)
        server = Server(self.directory / name, *config)
        self.stack.callback(server.end)
        return server

    def follow(self):
        host, port = self.proxy.at.rsplit(":", 1)
        assert self.replica.do("REPLICAOF", host, port) == "OK"
        self.in_sync()

    def in_sync(self):
        wait_until(lambda: self.replica.info("replication")["master_link_status"] == "up",
                   "the replica is in sync")

    def offsets(self):
        """(the master's, the replica's, what the proxy says of either)."""
        view = self.proxy.view() or {}
        return (int(self.master.info("replication")["master_repl_offset"]),
                int(self.replica.info("replication")["slave_repl_offset"]),
                view.get("offset"), view.get("forwarded"))

    def agree(self):
        """All four are the same, and so is the data."""
        offsets = wait_until(lambda: len(set(found := self.offsets())) == 1 and found,
                             "proxy and servers agree")
        assert self.replica.do("DEBUG", "DIGEST") == self.master.do("DEBUG", "DIGEST")
        return offsets[0]

    def cut(self):
        """End the link once; it comes back by itself."""
        one = next(s for s in self.proxy.call("GET", "/sessions")["sessions"]
                   if s["role"] == "replication")
        self.proxy.call("DELETE", f"/sessions/{one['id']}", {"how": "reset"})
        wait_until(lambda: any(s["id"] > one["id"] and s["role"] == "replication" for s in
                               self.proxy.call("GET", "/sessions")["sessions"]),
                   "it dials again")
        self.in_sync()


@contextlib.contextmanager
def linked(directory, *master, **kwargs):
    with contextlib.ExitStack() as stack:
        yield Pair(stack, directory, *master, **kwargs)


def mixed(n, seed=1):
    """So many commands of all kinds that change something, or nothing at all."""
    chance = random.Random(seed)
    kinds = [
        lambda k: ("SET", f"s{k}", "x" * chance.randrange(200)),
        lambda k: ("SET", f"s{k}", k, "PX", 100000),
        lambda k: ("INCR", f"n{k}"),
        lambda k: ("APPEND", f"s{k}", "\r\n*3\r\n$3\r\n"),
        lambda k: ("LPUSH", f"l{k}", "a", "b", "c"),
        lambda k: ("SADD", f"m{k}", k, k + 1, k + 2),
        lambda k: ("SPOP", f"m{k}"),
        lambda k: ("HSET", f"h{k}", "f", k, "g", "y" * 30),
        lambda k: ("ZADD", f"z{k}", k, "m"),
        lambda k: ("EXPIRE", f"h{k}", 1000),
        lambda k: ("DEL", f"l{k}"),
        lambda k: ("GET", f"s{k}"),
        lambda k: ("PUBLISH", "c", "hello"),
        lambda k: ("SELECT", k % 3),
        lambda k: ("EVAL", "redis.call('set', KEYS[1], 'v'); return 1", 1, f"e{k}"),
        lambda k: ("SET", f"big{k % 5}", "b" * chance.randrange(30000)),
    ]
    for _ in range(n):
        k = chance.randrange(500)
        if chance.random() < 0.03:
            yield ("MULTI",)
            yield ("INCR", f"n{k}")
            yield ("SET", f"s{k}", "in multi")
            yield ("EXEC",)
        elif chance.random() < 0.001:
            yield ("WAIT", 1, 1)
        else:
            yield kinds[chance.randrange(len(kinds))](k)


def write(server, commands, batch=500):
    """Pipelined. A wrong type is an error that changes nothing, and that is fine."""
    with Redis(server.at) as client:
        waiting, text = 0, []

        def flush():
            nonlocal waiting
            client.sock.sendall(b"".join(text))
            text.clear()
            while waiting:
                client.reply()
                waiting -= 1

        for words in commands:
            parts = [str(w).encode() for w in words]
            text.append(b"*%d\r\n" % len(parts) +
                        b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts))
            waiting += 1
            if waiting == batch:
                flush()
        flush()
