"""The console: a running proxy driven in Redis' own protocol."""

import json
import socket
import subprocess
import threading
import time

import pytest

from conftest import DEADLINE, PING, SANITIZED, SUNDER, wait_until


def encode(*words):
    return b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in words)


class Console:
    """A client that reads RESP2 and RESP3 just far enough."""

    def __init__(self, proxy):
        host, port = proxy.event("console")["address"].rsplit(":", 1)
        self.sock = socket.create_connection((host, int(port)), timeout=DEADLINE)
        self.file = self.sock.makefile("rb")

    def read(self):
        line = self.file.readline().rstrip(b"\r\n").decode()
        kind, rest = line[:1], line[1:]
        if kind == "+":
            return rest
        if kind == "-":
            return RuntimeError(rest)
        if kind == ":":
            return int(rest)
        if kind == ",":
            return float(rest)
        if kind == "#":
            return rest == "t"
        if kind == "_" or line in ("$-1", "*-1"):
            return None
        if kind == "$":
            return self.file.read(int(rest) + 2)[:-2].decode()
        if kind in "*>":
            return [self.read() for _ in range(int(rest))]
        assert kind == "%", line
        return dict((self.read(), self.read()) for _ in range(int(rest)))

    def ask(self, *words):
        self.sock.sendall(encode(*words))
        return self.read()

    def ask3(self, *words):
        self.ask("HELLO", "3")
        return self.ask(*words)


@pytest.fixture
def consoles(sunder):
    opened = []

    def start(server, *rules):
        proxy = sunder(server, list(rules), "--console", "127.0.0.1:0")
        opened.append(Console(proxy))
        return proxy, opened[-1]
    yield start
    for console in opened:
        console.file.close()
        console.sock.close()


def test_a_rule_is_added_listed_fed_back_and_removed(consoles, upstream):
    server = upstream()
    proxy, console = consoles(server)
    sentence = "slow: on client -> r1 when command=GET do error LOADING"
    assert console.ask3("RULE", "ADD", *sentence.split())["rule"] == sentence
    dialer = proxy.dial()
    dialer.send(b"GET k\r\n")
    assert dialer.recv(8) == b"-LOADING"
    rules = console.ask("RULES")
    assert [(r["name"], r["fired"]) for r in rules] == [("slow", 1)]
    assert console.ask("RULE", "LIST") == [sentence]
    assert console.ask("RULE", "DEL", "sl*") == 1
    assert console.ask("RULE", "ADD", sentence)["rule"] == sentence  # one word, as listed
    assert console.ask("RULE", "CLEAR") == 1
    assert console.ask("RULE", "LIST") == []


def test_a_partition_of_live_sessions_heals(consoles, upstream):
    server = upstream()
    proxy, console = consoles(server)
    dialer = proxy.dial()
    peer = server.accept()
    name = console.ask3("CUT", "client", "r1")["name"]
    dialer.send(b"PING\r\n")
    assert peer.silent(0.2)
    assert all(r.startswith(name + ".") for r in console.ask("RULE", "LIST"))
    assert console.ask("HEAL", name) == "OK"
    assert peer.recv(6) == b"PING\r\n"
    assert console.ask("RULE", "LIST") == []


def test_sessions_are_listed_and_killed(consoles, upstream):
    server = upstream()
    proxy, console = consoles(server)
    dialer = proxy.dial()
    peer = server.accept()
    dialer.send(b"CLIENT SETNAME web1\r\n")
    assert peer.recv(21) == b"CLIENT SETNAME web1\r\n"
    seen = console.ask3("SESSIONS")
    assert seen["total"] == 1
    session = seen["sessions"][0]
    assert (session["from"], session["to"], session["client_name"]) == (
        "client", "r1", "web1")
    assert session["requests"]["bytes"] == 21 and session["requests"]["frames"] == 1
    assert console.ask("SESSION", "KILL", str(session["id"])) == "OK"
    with pytest.raises(ConnectionResetError):
        dialer.recv(1)
    assert "no session" in str(console.ask("SESSION", "KILL", str(session["id"])))


@pytest.mark.parametrize("words, said", [
    (["RUEL", "LIST"], "did you mean 'RULE LIST'"),
    (["RULE", "ADD", "on r1 do hang"], "column"),
    (["RULE", "DEL", "nobody"], "no rule is named"),
    (["CUT", "client"], "CUT a b"),
    (["CUT", "client", "r1", "HOW", "maybe"], "hang, blackhole"),
    (["CUT", "client", "nobody"], "nobody"),
    (["SESSION", "KILL", "x"], "ERR"),
    (["NODES", "x"], "one word too many"),
    (["HELLO", "4"], "NOPROTO"),
    (["SUBSCRIBE", "news"], "SUBSCRIBE events"),
])
def test_what_is_wrong_gets_one_line(consoles, upstream, words, said):
    _, console = consoles(upstream())
    answer = console.ask(*words)
    assert isinstance(answer, RuntimeError) and said in str(answer)
    assert console.ask("PING") == "PONG"


def test_events_are_published_as_they_happen(consoles, upstream):
    server = upstream()
    proxy, console = consoles(server)
    assert console.ask("SUBSCRIBE", "events") == ["subscribe", "events", 1]
    proxy.dial()
    kind, channel, payload = console.read()
    assert (kind, channel) == ("message", "events")
    event = json.loads(payload)
    assert event["event"] == "session-opened"
    assert (event["from"], event["to"]) == ("client", "r1")


def test_inline_and_pipelined_requests_are_answered_in_order(consoles, upstream):
    _, console = consoles(upstream())
    console.sock.sendall(b"PING\r\nRULE LIST\r\n" + encode("PING") +
                         b"rule add x\r\n\r\nPING\r\n")
    assert console.read() == "PONG"
    assert console.read() == []
    assert console.read() == "PONG"
    assert isinstance(console.read(), RuntimeError)
    assert console.read() == "PONG"


def test_hostile_bytes_end_one_connection_and_nothing_else(consoles, upstream):
    proxy, console = consoles(upstream())
    for junk in (b"\x16\x03\x01\x00", b"*1\r\n$-1\r\n", b"*9999999999999999999999\r\n",
                 b"x" * 70000, b"*1\r\n$99999\r\n" + b"x" * 70000):
        hostile = Console(proxy)
        try:
            hostile.sock.sendall(junk)
            assert hostile.sock.recv(1) == b""
        except ConnectionError:
            pass
        hostile.file.close()
        hostile.sock.close()
    assert console.ask("*-1") is not None
    assert console.ask("PING") == "PONG"


@pytest.mark.alone
def test_a_batch_of_requests_lets_others_have_their_turn(consoles, upstream):
    server = upstream()
    proxy, console = consoles(server)
    sessions = [(proxy.dial(), server.accept()) for _ in range(400)]
    busy, pairs = Console(proxy), 1000
    busy.sock.sendall(b"rule add x: on * -> * do latency 1ms\r\nrule del x\r\n" * pairs)
    busy.file.peek(1)
    start = time.monotonic()
    assert console.ask("PING") == "PONG"
    took = time.monotonic() - start
    for _ in range(pairs):
        assert "x: on * -> *" in str(busy.read()) and busy.read() == 1
    whole = time.monotonic() - start
    assert took < whole / 5, f"{took} of {whole} s"
    for dialer, end in sessions:
        dialer.close()
        end.close()
    busy.file.close()
    busy.sock.close()


def test_a_client_that_does_not_read_is_dropped(consoles, upstream):
    proxy, console = consoles(upstream())
    deaf = Console(proxy)
    deaf.sock.settimeout(0.2)
    asked = encode("HELP") * 1000

    def dropped():
        try:
            deaf.sock.sendall(asked)
        except socket.timeout:
            return False
        except ConnectionError:
            return True
        return False
    wait_until(dropped, "the deaf client is dropped")
    deaf.file.close()
    deaf.sock.close()
    assert console.ask("PING") == "PONG"
    assert SANITIZED or proxy.rss() < 64 << 20


def test_a_subscriber_that_does_not_read_is_dropped_and_nobody_else(consoles, upstream):
    server = upstream().serve(lambda peer: peer.rest())
    proxy, console = consoles(server, "on * -> * requests do latency 1us")
    deaf = Console(proxy)
    assert deaf.ask("SUBSCRIBE", "events") == ["subscribe", "events", 1]
    dialer = proxy.dial()

    for _ in range(100):
        dialer.send(PING * 1000)  # 250 bytes of event each
    proxy.stats_when("all is decided", lambda s: s["decisions"] >= 100_000)
    assert len(deaf.file.read()) < 100_000 * 100
    assert console.ask("PING") == "PONG"
    assert console.ask("SUBSCRIBE", "events") == ["subscribe", "events", 1]
    dialer.send(PING)
    assert console.read()[0] == "message"
    deaf.file.close()
    deaf.sock.close()


def test_the_console_answers_while_a_flood_has_nowhere_to_go(consoles, upstream):
    server = upstream()
    proxy, console = consoles(server)
    dialer = proxy.dial(rcvbuf=4096)
    peer = server.accept()
    peer.sock.setblocking(False)
    sent = 0
    try:
        while sent < 256 << 20:
            sent += peer.sock.send(b"+" + b"x" * 65533 + b"\r\n")
    except BlockingIOError:
        pass
    slowest = 0
    for i in range(200):
        start = time.monotonic()
        added = console.ask("RULE", "ADD", f"x{i}: on * -> * do latency 1ms")
        assert not isinstance(added, RuntimeError)
        assert console.ask("RULE", "DEL", f"x{i}") == 1
        slowest = max(slowest, time.monotonic() - start)
    assert slowest < 0.5
    dialer.sock.close()


def slowest_answer(proxy, console, seconds=2):
    """How long the console takes at most, while a client sends what it can."""
    dialer = proxy.dial()

    def flood():
        with pytest.raises(OSError):
            while True:
                dialer.send(PING * 100_000)
    threading.Thread(target=flood, daemon=True).start()
    slowest, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.monotonic()
        assert console.ask("PING") == "PONG"
        slowest = max(slowest, time.monotonic() - start)
    dialer.sock.shutdown(socket.SHUT_RDWR)
    return slowest


def test_the_console_answers_while_a_flood_passes_byte_by_byte(consoles, upstream):
    server = upstream().serve(lambda peer: peer.rest())
    assert slowest_answer(*consoles(server, "on * -> * requests do slice 1")) < 1


@pytest.mark.alone
def test_a_flood_of_small_requests_lets_others_have_their_turn(consoles, upstream):
    server = upstream().serve(lambda peer: peer.rest())
    assert slowest_answer(*consoles(server, "on * -> * do error LOADING")) < 0.3


def test_a_console_address_that_is_taken_is_an_error_at_start(upstream):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run(
            [SUNDER, "proxy", "--listen", "127.0.0.1:0", "--upstream", upstream().address,
             "--console", f"127.0.0.1:{taken.getsockname()[1]}"],
            capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 3
    assert "cannot open the console on 127.0.0.1:" in done.stderr
    assert "hint: --console ADDR names another" in done.stderr


def test_shutdown_ends_the_proxy(consoles, upstream):
    proxy, console = consoles(upstream())
    assert console.ask("SHUTDOWN") == "OK"
    assert proxy.wait() == 0


def test_who_opens_it_to_others_is_warned(sunder, upstream):
    def warnings(address):
        proxy = sunder(upstream(), (), "--console", address)
        proxy.event("ready")
        return [e["reason"] for e in proxy.events("console") if e["lvl"] == "warn"]

    assert warnings("127.0.0.1:0") == [] == warnings("[::1]:0")
    assert warnings("0.0.0.0:0") == ["whoever reaches it may change the rules"]
