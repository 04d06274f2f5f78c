"""Which reply answers which request, held against a real redis-server.

Whatever valid commands a client sends, the proxy must know which reply is an ECHO's: it
replaces just those. The same commands sent directly say what that must look like.
"""

import random
import re
import socket

import pytest
from labs import DEADLINE
from proxies import Proxy
from servers import SERVER, servers

pytestmark = pytest.mark.skipif(SERVER is None, reason="no redis-server")

END = b"$7\r\nthe-end\r\n"
ECHO = re.compile(rb"\$8\r\ntok\d{5}\r\n|-ERR Can't execute 'echo'[^\r]*\r\n")
ID = re.compile(rb"(\$2\r\nid\r\n):\d+\r\n")

IN_MULTI = ["EXEC", "DISCARD", "GET k", "INCR n", "PING", "NOSUCH", "MULTI",
            "LRANGE l 0 -1", "", "RESET"]
COMMANDS = [
    "GET k", "GET none", "PING", "", "*0\r\n", "NOSUCH x", "GET", "LRANGE l 0 -1",
    "SUBSCRIBE a", "SUBSCRIBE a b a", "SUBSCRIBE", "UNSUBSCRIBE", "UNSUBSCRIBE a x y",
    "PSUBSCRIBE p* q", "PUNSUBSCRIBE", "PUNSUBSCRIBE p*", "SSUBSCRIBE s t",
    "SUNSUBSCRIBE", "SUNSUBSCRIBE t", "PUBLISH a hi", "SPUBLISH s hi", "HELLO",
    "HELLO 2", "HELLO 3", "HELLO 9", "RESET", "CLIENT REPLY SKIP", "CLIENT REPLY OFF",
    "CLIENT REPLY ON", "client reply skip", "CLIENT REPLY MAYBE", "CLIENT REPLY",
    "CLIENT GETNAME", "SELECT 1", "SELECT 0", "AUTH nobody nothing", "BLPOP none 0.001",
    "WATCH k", "UNWATCH", "EXEC", "DISCARD", "QUITS", "CLIENT TRACKING ON", "SET k v"]


class Talk:
    """Random commands of a client that knows what a subscriber of RESP2 may not do."""

    def __init__(self, seed):
        self.rng, self.multi, self.token = random.Random(seed), False, 0
        resp, deaf, self.lines = 2, False, []
        while len(self.lines) < 5 or self.rng.random() < 0.985:
            line = self.one()
            word = line.upper()
            if deaf and (self.multi or word.startswith("CLIENT REPLY")):
                self.multi = False
                continue
            if word in ("HELLO 2", "HELLO 3") and not deaf:
                resp = int(word[-1])
            if word == "RESET":
                resp, deaf = 2, False
            deaf |= resp == 2 and "SUBSCRIBE " in word
            self.lines.append(line)

    def one(self):
        if self.multi:
            what = self.rng.choice(IN_MULTI)
            self.multi = what not in ("EXEC", "DISCARD", "RESET")
            return what
        kind = self.rng.randrange(20)
        if kind < 7:
            self.token += 1
            return f"ECHO tok{self.token:05}"
        self.multi = kind == 7
        return self.rng.choice(["MULTI", "multi"] if self.multi else COMMANDS)

    def bytes(self):
        """Inline, or as arrays; at last all is as it was, and the end is told."""
        out = []
        for line in self.lines + ["DISCARD", "RESET", "CLIENT REPLY ON", "RESET"]:
            words = line.split()
            if line.startswith("*"):
                out.append(line.encode())
            elif not words or self.rng.random() < 0.3:
                out.append(line.encode() + b"\r\n")
            else:
                out.append(b"*%d\r\n" % len(words) + b"".join(
                    b"$%d\r\n%b\r\n" % (len(w), w.encode()) for w in words))
        return b"".join(out) + b"GET end\r\n"


def talk(address, data, rng):
    """All of it in pieces; what came back up to the end."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as s:
        got, at = b"", 0
        while at < len(data):
            n = rng.choice((1, 7, 100, 5000))
            s.sendall(data[at:at + n])
            at += n
        while not got.endswith(END):
            part = s.recv(1 << 16)
            assert part, got
            got += part
    return ID.sub(rb"\1:0\r\n", got)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with servers(tmp_path_factory.mktemp("redis"), ()) as (one,):
        yield one


def both(server, proxy, seed):
    """What comes back directly, and through the proxy."""
    data, got = Talk(seed).bytes(), []
    for address in (server.at, proxy.at):
        server.do("FLUSHALL")
        server.do("MSET", "end", "the-end", "k", "v")
        server.do("RPUSH", "l", "message", "x")
        got.append(talk(address, data, random.Random(seed)))
    return got


@pytest.mark.parametrize("fault, answer", [
    ("replies when command=ECHO do reply X as=status", b"+X\r\n"),
    ("replies when command=ECHO do lose-reply then=skip", b""),
    ("replies when command=ECHO do duplicate-reply", rb"\g<0>\g<0>")])
def test_only_answers_to_echo_are_touched(server, fault, answer):
    with Proxy(server.at, f"on client -> r1 {fault}") as proxy:
        for seed in range(50):
            direct, through = both(server, proxy, seed)
            assert through == ECHO.sub(answer, direct), f"{seed}: {Talk(seed).lines}"


def test_who_duplicates_what_changes_nothing_is_not_noticed(server):
    """But for a SKIP that skips another, and subscriptions, which nothing silences."""
    with Proxy(server.at, "on client -> r1 when command=ECHO,GET,PING,NOSUCH,HELLO,"
                          "UNSUBSCRIBE,SUBSCRIBE,SELECT,LRANGE chance=50% "
                          "do duplicate-request") as proxy:
        for seed in range(100, 160):
            lines = Talk(seed).lines
            if re.search("(?i)multi|skip|off|exec|tracking", " ".join(lines)):
                continue
            direct, through = both(server, proxy, seed)
            assert through == direct, f"{seed}: {lines}"
