"""The HTTP API against the malformed, the slow and the many."""

import json
import os
import random
import resource
import select
import socket
import string
import threading
import time

import pytest

from conftest import DEADLINE, SANITIZED, Peer
from test_api import Api

SECONDS = float(os.environ.get("SUNDER_API_SECONDS", "1"))
MALFORMED = int(os.environ.get("SUNDER_API_MALFORMED", "1000"))
TRIES = 5  # the machine may be busy; what is slow always is slow in each
RATE = 10_000  # API calls a second

LEGAL = string.ascii_letters + string.digits + "-._~"
POSTS = ("/rules", "/cut", "/isolate", "/split", "/bridge", "/heal", "/proxies",
         "/populate", "/proxies/r1/toxics", "/proxies/no")
WORDS = ["on", "client", "r1", "->", "<->", "do", "when", "command=GET", "latency",
         "5ms", "nth=0", "chance=200%", "for", "-1s", "do do", "\\", "'", "\"", "\u00fc",
         "x" * 300]


class Hostile:
    """Requests that are HTTP, and wrong: each is to be told so."""

    def __init__(self, seed):
        self.rng = random.Random(seed)

    def name(self, letters=LEGAL, longest=40):
        return "".join(self.rng.choices(letters, k=self.rng.randint(1, longest)))

    def request(self):
        kind = self.rng.choice([self.path, self.method, self.body, self.sentence,
                                self.parameter, self.header, self.nobody, self.long])
        return kind()

    @staticmethod
    def http(method, path, body=b"", headers=()):
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close",
                 *(headers or (f"Content-Length: {len(body)}",))]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def path(self):
        path = "/no/" + self.name(LEGAL + "/%?&=+*{}[]\"<>")
        return self.http(self.rng.choice(("GET", "POST", "DELETE", "PUT")),
                         path.replace("//", "/-"))

    def method(self):
        return self.http("X" + self.name(string.ascii_uppercase, 12),
                         self.rng.choice(POSTS))

    def body(self):
        """What begins like JSON and is none, or not what the verb takes."""
        sound = json.dumps({"a": ["client", {"b": None}], "n": 1.5, self.name(): "x"})
        cut = sound[:self.rng.randint(1, len(sound))].encode()
        noise = bytes(self.rng.randrange(256) for _ in range(self.rng.randint(0, 30)))
        return self.http("POST", self.rng.choice(POSTS),
                         self.rng.choice((cut, cut + noise, b"{" + noise, b"{" * 5000)))

    def sentence(self):
        words = self.rng.choices(WORDS, k=self.rng.randint(1, 12))
        return self.http("POST", "/rules", ("no " + " ".join(words)).encode())

    def parameter(self):
        path = self.rng.choice(("/nodes", "/plan", "/sessions", "/journal", "/events"))
        wrong = f"{self.name()}={self.name()}"
        return self.http("GET", f"{path}?kinds=x{self.name()}&{wrong}")

    def header(self):
        wrong = ("Content-Length: " + self.name(string.ascii_letters + "-+. "),
                 "Content-Length: 9" + "9" * self.rng.randint(19, 60),
                 self.name(string.ascii_letters), "Host: " + self.name() + ".example")
        return self.http("GET", "/plan", headers=[self.rng.choice(wrong)])

    def nobody(self):
        path = self.rng.choice(("/rules/x-", "/sessions/x", "/sessions/99"))
        return self.http("DELETE", path + self.name())

    def long(self):
        if self.rng.random() < 0.5:
            return self.http("GET", "/" + "a" * self.rng.randint(40000, 90000))
        return self.http("GET", "/plan", headers=["X: " + "a" * 90000])


def converse(api, data):
    """All that comes back."""
    with socket.create_connection((api.host, int(api.port)), timeout=DEADLINE) as sock:
        got = bytearray()
        try:
            sock.sendall(data)
            while part := sock.recv(65536):
                got += part
        except ConnectionError:
            pass  # it has heard enough
        return bytes(got)


def answers(api):
    status, plan = api.ask("GET", "/plan")
    return status == 200 and plan == []


@pytest.fixture
def api(sunder, upstream):
    start = sunder(upstream(), (), "--api", "127.0.0.1:0")
    made = Api(start)
    made.proxy = start
    return made


def test_malformed_requests_get_a_reason_and_a_status_of_theirs(api):
    hostile = Hostile(seed=4)
    for i in range(MALFORMED):
        request = hostile.request()
        head, _, body = converse(api, request).partition(b"\r\n\r\n")
        status = int(head.split()[1]) if head else None
        assert status and 400 <= status < 500, (i, request[:300], head[:100])
        if b"application/json" in head:
            answer = json.loads(body)
            assert answer["error"] and answer["status"] == status, (request, body)
        else:
            assert len(body) > 15 or status == 405, (request, head, body)
    assert answers(api)
    assert SANITIZED or api.proxy.rss() < 64 << 20


def test_what_is_no_http_at_all_harms_nothing(api):
    rng = random.Random(4)
    sound = Hostile.http("POST", "/rules", b"on client -> r1 do hang", ())
    for _ in range(300):
        noise = bytearray(sound)
        for _ in range(rng.randint(1, 20)):
            noise[rng.randrange(len(noise))] = rng.randrange(256)
        noise = noise[:rng.randint(1, len(noise))]
        with socket.create_connection((api.host, int(api.port))) as sock:
            sock.sendall(rng.choice((bytes(noise), rng.randbytes(rng.randint(1, 2000)))))
    api.ask("DELETE", "/rules")
    assert answers(api)


def test_slow_clients_do_not_hold_it(api):
    """Some send a byte at a time, some ask without end and never read."""
    slow, deaf, query = [], [], b"GET /info HTTP/1.1\r\nHost: localhost\r\n\r\n"
    request = b"POST /rules HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n"
    for _ in range(60):
        slow.append(socket.create_connection((api.host, int(api.port))))
        deaf.append(Peer(socket.create_connection((api.host, int(api.port)))))
        deaf[-1].sock.setblocking(False)
    pushed, longest = 0, 0
    for byte in request:
        for sock in slow:
            sock.send(bytes([byte]))
        for peer in deaf:
            try:
                pushed += peer.sock.send(query * 50)
            except BlockingIOError:
                pass
        start = time.monotonic()
        assert answers(api)
        longest = max(longest, time.monotonic() - start)
    assert longest < 5 and pushed > 1 << 20
    assert SANITIZED or api.proxy.rss() < 64 << 20
    for sock in slow:
        sock.close()
    for peer in deaf:
        peer.close()


def fill_descriptors(proxy, most, leave):
    """Take what descriptors the proxy may have, but for some, by way of its console."""
    host, port = proxy.event("console")["address"].split(":")
    taken = []
    while (left := most - leave - len(os.listdir(f"/proc/{proxy.process.pid}/fd"))) > 0:
        taken += [socket.create_connection((host, int(port))) for _ in range(left)]
        for sock in taken[-left:]:
            sock.sendall(b"PING\r\n")
            assert sock.recv(16) == b"+PONG\r\n"
    return taken


@pytest.mark.parametrize("stay", [0, 1])
def test_out_of_descriptors_callers_wait_and_nothing_spins(sunder, upstream, stay):
    proxy = sunder(upstream(), (), "--api", "127.0.0.1:0", "--console", "127.0.0.1:0",
                   limits={resource.RLIMIT_NOFILE: (70, 70)})
    api = Api(proxy)
    address, ask = (api.host, int(api.port)), b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n"
    staying = [Peer(socket.create_connection(address)) for _ in range(stay)]
    for peer in staying:
        peer.send(ask)
        peer.expect(b"HTTP/1.1 200 OK")
    taken = fill_descriptors(proxy, 70, 0)
    waiting = Peer(socket.create_connection(address))
    waiting.send(ask)
    before = proxy.cpu()
    assert waiting.silent(1), "there was no descriptor left for this one"
    assert proxy.cpu() - before < 0.3, "it spins"
    for sock in taken:
        sock.close()
    waiting.expect(b"HTTP/1.1 200 OK")
    for peer in staying:
        peer.close()
    waiting.close()


def test_requests_sent_ahead_let_others_have_their_turn(sunder, upstream):
    """As of old clients: twelve thousand on one connection, before any is answered."""
    proxy = sunder(upstream(), (), "--api", "127.0.0.1:0", "--console", "127.0.0.1:0")
    api = Api(proxy)
    ahead = Peer(socket.create_connection((api.host, int(api.port))))
    host, port = proxy.event("console")["address"].split(":")
    console = Peer(socket.create_connection((host, int(port))))

    def read():
        end = b"Connection: close"
        have = b""
        while end not in have:
            have = have[-len(end):] + ahead.sock.recv(1 << 20)
    reader = threading.Thread(target=read)
    reader.start()
    threading.Thread(target=ahead.send, daemon=True, args=(
        b"GET /status HTTP/1.1\r\nHost: h\r\n\r\n" * 12000 +
        b"GET /status HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",)).start()
    turns = 0
    while reader.is_alive():
        console.send(b"PING\r\n")
        console.expect(b"+PONG\r\n")
        turns += 1
    assert turns > 30
    ahead.close(), console.close()


class Calls:
    """An open schedule of API calls over some connections: each has its time."""

    CALLS = [b"GET /plan HTTP/1.1\r\nHost: localhost\r\n\r\n",
             b"GET /rules HTTP/1.1\r\nHost: localhost\r\n\r\n",
             b"GET /info HTTP/1.1\r\nHost: localhost\r\n\r\n",
             b"POST /cut?a=client&b=r1&name=wall HTTP/1.1\r\nHost: localhost\r\n\r\n",
             b"POST /heal?name=wall HTTP/1.1\r\nHost: localhost\r\n\r\n"]
    ALONE = 3  # the changes keep to one connection, so that their order is kept

    def __init__(self, api, connections=32):
        self.epoll = select.epoll()
        self.socks, self.free, self.due, self.late = {}, [], {}, []
        for _ in range(connections):
            sock = socket.create_connection((api.host, int(api.port)))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socks[sock.fileno()] = sock
            self.epoll.register(sock.fileno(), select.EPOLLIN)
            self.free.append(sock.fileno())
        self.changer = self.free.pop()
        self.change = self.ALONE

    def send(self, fd, call, due):
        self.due[fd] = due
        self.socks[fd].send(self.CALLS[call])

    def receive(self, wait):
        for fd, _ in self.epoll.poll(wait):
            got = self.socks[fd].recv(1 << 16)
            assert got.startswith(b"HTTP/1.1 20"), got[:300]
            self.late.append(time.perf_counter() - self.due.pop(fd))
            if fd != self.changer:
                self.free.append(fd)

    def start_one(self, i, due):
        """Every tenth call changes the plan, unless the change before is not done."""
        if i % 10 == 0 and self.changer not in self.due:
            self.send(self.changer, self.change, due)
            self.change = len(self.CALLS) - 1 if self.change == self.ALONE else self.ALONE
        else:
            self.send(self.free.pop(), i % self.ALONE, due)

    def run(self, rate, seconds):
        begin, many, i = time.perf_counter(), int(rate * seconds), 0
        while len(self.late) < many:
            now = time.perf_counter()
            while i < many and begin + i / rate <= now and self.free:
                self.start_one(i, begin + i / rate)
                i += 1
            wait = begin + i / rate - now if i < many and self.free else 1
            self.receive(wait if wait > 0.001 else 0)
        took = time.perf_counter() - begin
        if self.change != self.ALONE:  # the next run finds the plan as this one did
            self.send(self.changer, self.change, begin)
            self.receive(DEADLINE)
            self.late.pop()
        for sock in self.socks.values():
            sock.close()
        self.epoll.close()
        late = sorted(self.late)
        return many / took, late[many // 2], late[many * 99 // 100], late[-1]


@pytest.mark.alone
@pytest.mark.skipif(SANITIZED, reason="speed says nothing under sanitizers")
def test_ten_thousand_calls_a_second_during_a_flood(sunder, upstream, capsys):
    server = upstream()
    proxy = sunder(server, (), "--api", "127.0.0.1:0")
    dialer = proxy.dial(rcvbuf=4096)
    assert server.accept().fill(b"+" + b"x" * 65533 + b"\r\n") > 1 << 20
    api = Api(proxy)
    for _ in range(TRIES):
        rate, half, most, worst = Calls(api).run(RATE, SECONDS)
        with capsys.disabled():
            print(f"\n{rate:.0f} calls/s: p50 {half * 1e3:.2f} ms, "
                  f"p99 {most * 1e3:.2f} ms, max {worst * 1e3:.2f} ms")
        if most < 0.020:
            break
    assert most < 0.020
    dialer.close()
