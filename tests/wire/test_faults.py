"""Each fault on real sockets: what a peer sees, to the byte."""

import select
import time

import pytest
from conftest import PING, PONG, SANITIZED, command, logfmt, pong

GET, SET = command("GET", "k"), command("SET", "k", "v")


@pytest.mark.alone
@pytest.mark.skipif(SANITIZED, reason="sanitizers take the speed that is measured")
@pytest.mark.parametrize("target, seconds", [(1_000_000, 1.0), (10_000_000, 0.7),
                                             (100_000_000, 0.5)])
def test_bandwidth_is_what_was_asked_for(pair, target, seconds):
    _, dialer, server = pair(f"on * -> r1 replies do bandwidth {target}/s")
    n = int(target * seconds)
    server.sock.setblocking(False)
    data, sent = bytes(n), 0
    start = time.monotonic()
    first, got = None, 0
    while got < n:
        ready = select.select([dialer.sock], [server.sock] if sent < n else [], [], 5)
        if ready[1]:
            sent += server.sock.send(memoryview(data)[sent:sent + 262144])
        if ready[0]:
            got += len(dialer.sock.recv(1 << 18))
            if first is None:
                first, at_first = time.monotonic(), got
    achieved = (n - at_first) / (time.monotonic() - first)
    assert 0.98 <= achieved / target <= 1.02, f"{achieved:.0f} bytes a second"
    assert first - start < 0.020, "the first byte waits for no other"


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize("n", [0, 1, 7, len(PONG), 12345])
def test_a_limit_is_exact_to_the_byte_also_inside_a_frame(pair, n, then):
    _, dialer, server = pair(f"on * -> r1 replies do limit {n} then={then}")
    text = PONG * 3000
    server.send(text)
    got = bytearray()
    try:
        while part := dialer.sock.recv(65536):
            got += part
        ended = "close"
    except ConnectionResetError:
        ended = "reset"
    assert bytes(got) == text[:n]
    assert ended == then
    if then == "reset":
        server.expect_reset()


@pytest.mark.parametrize("then", ["close", "reset"])
def test_a_frame_can_be_torn_after_seven_bytes(pair, then):
    _, dialer, server = pair(f"on * -> r1 replies when command=GET do {then} keep=7")
    dialer.send(SET + GET)
    server.expect(SET + GET)
    server.send(PONG + b"$100\r\n" + bytes(100) + b"\r\n")
    got = b""
    if then == "reset":
        with pytest.raises(ConnectionResetError):
            while part := dialer.sock.recv(1000):
                got += part
    else:
        got = dialer.rest()
    assert got == PONG + b"$100\r\n" + bytes(1)


def test_a_request_that_is_reset_never_reaches_the_server(pair):
    _, dialer, server = pair("on * -> r1 when command=GET do reset")
    dialer.send(SET + GET + SET)
    dialer.expect_reset()
    got = b""
    with pytest.raises(ConnectionResetError):
        while part := server.sock.recv(1000):
            got += part
    assert got == SET


def test_slices_arrive_apart(pair):
    _, dialer, server = pair("on * -> r1 replies do slice 3 gap=20ms")
    server.send(b"+0123456789\r\n")
    pieces, start = [], time.monotonic()
    while sum(map(len, pieces)) < 13:
        pieces.append(dialer.sock.recv(100))
    assert b"".join(pieces) == b"+0123456789\r\n"
    assert [len(p) for p in pieces] == [3, 3, 3, 3, 1]
    assert time.monotonic() - start >= 0.080


def test_a_hang_holds_all_behind_it_and_an_end_of_the_rule_delivers(pair):
    proxy, dialer, server = pair("on * -> r1 requests do hang for 500ms")
    dialer.send(GET * 3)
    dialer.half_close()
    assert server.silent(0.1)
    assert proxy.stats()["held"] >= len(GET) * 3
    assert server.rest() == GET * 3
    server.half_close()
    dialer.expect_end()


def test_sigterm_ends_a_proxy_whose_sessions_hang(pair):
    proxy, dialer, server = pair("on * -> r1 both do hang")
    dialer.send(GET)
    assert server.silent(0.05)
    proxy.terminate(2)
    assert proxy.wait() == 0
    dialer.expect_reset()


def test_what_matches_nothing_passes_while_a_neighbour_waits(sunder, upstream):
    server = upstream().serve(pong)
    proxy = sunder(server, "on * -> r1 requests when command=SET do hang")
    stuck, free = proxy.dial(), proxy.dial()
    stuck.send(SET)
    start = time.monotonic()
    for _ in range(100):
        free.send(PING)
        free.expect(PONG)
    assert time.monotonic() - start < 2
    assert stuck.silent(0.01)


@pytest.mark.parametrize("often, hit", [
    ("nth=3", {3}), ("every=4", {4, 8, 12}), ("first=2", {1, 2}),
    ("after=9", set(range(10, 13))), ("after=2 every=5", {7, 12})])
def test_how_often_counts_the_frames_that_match(pair, often, hit):
    """What is hit waits 30 ms, in turn; the gaps on the wire say which it was."""
    proxy, dialer, server = pair(f"on * -> r1 requests when command=GET {often} "
                                 "do latency 30ms")
    hits = set()
    for i in range(1, 13):
        dialer.send(SET)
        server.expect(SET)
        start = time.monotonic()
        dialer.send(GET)
        server.expect(GET)
        if time.monotonic() - start >= 0.030:
            hits.add(i)
    assert hits == hit
    assert proxy.stats()["decisions"] == len(hit)


def journal(path):
    with open(path, encoding="utf-8") as f:
        return [logfmt(line) for line in f]


def decisions(sunder, upstream, path, seed):
    """Which frames of two sessions a rule with a chance hits, as the journal tells."""
    server = upstream().serve(lambda peer: peer.sock.recv(1) and peer.rest())
    proxy = sunder(server, ["rare: on * -> r1 requests when command=GET chance=20% "
                            "do latency 1us"], "--seed", seed, "--journal", path)
    for _ in range(2):
        dialer = proxy.dial()
        for _ in range(10):
            dialer.send((SET + GET) * 10)
        dialer.close()
        proxy.stats_when("the session is gone", lambda s: s["sessions"] == 0)
    proxy.terminate()
    assert proxy.wait() == 0
    return [(d["session"], d["frame"]) for d in journal(path) if d["ev"] == "decision"]


def test_the_same_seed_hits_the_same_frames(sunder, upstream, tmp_path):
    first, again, other = (decisions(sunder, upstream, tmp_path / f"{i}.journal", seed)
                           for i, seed in enumerate((42, 42, 43)))
    assert first == again
    assert first != other
    assert 20 <= len(first) <= 60, "200 draws at 20 %"
    assert {s for s, _ in first} == {"1", "2"}
    one, two = ([f for s, f in first if s == n] for n in "12")
    assert one != two, "a session has draws of its own"


def test_a_rule_beside_does_not_move_the_draws_of_another(sunder, upstream, tmp_path):
    server = upstream().serve(lambda peer: peer.rest())

    def hits(path, *more):
        proxy = sunder(server, [*more, "rare: on * -> r1 requests when command=GET "
                                "chance=20% do latency 1us"], "--seed", 7,
                       "--journal", path)
        dialer = proxy.dial()
        dialer.send(GET * 200)
        dialer.half_close()
        dialer.expect_end()
        proxy.terminate()
        assert proxy.wait() == 0
        return [d["frame"] for d in journal(path)
                if d["ev"] == "decision" and d["rule"] == "rare"]
    assert hits(tmp_path / "a") == \
        hits(tmp_path / "b", "on * -> r1 requests chance=50% do latency 2us")


def test_the_journal_accounts_for_every_decision(sunder, upstream, tmp_path):
    path = tmp_path / "journal"
    server = upstream().serve(pong)
    proxy = sunder(server, ["slow: on * -> r1 requests every=2 do latency 1ms"],
                   "--seed", 42, "--journal", path)
    dialer = proxy.dial()
    for _ in range(10):
        dialer.send(PING)
        dialer.expect(PONG)
    dialer.close()
    proxy.stats_when("the session is gone", lambda s: s["sessions"] == 0)
    proxy.terminate()
    assert proxy.wait() == 0
    lines = journal(path)
    assert lines[0]["ev"] == "start" and lines[0]["seed"] == "42"
    assert [d["text"] for d in lines if d["ev"] == "rule"] == \
        ["slow: on * -> r1 requests every=2 do latency 1ms"]
    made = [d for d in lines if d["ev"] == "decision"]
    assert [d["frame"] for d in made] == ["2", "4", "6", "8", "10"]
    for d in made:
        assert d["rule"] == "slow" and d["lane"] == "requests" and d["cmd"] == "PING"
        assert d["link"] == "client->r1" and d["session"] == "1"
        assert d["delay"] == "1000000"


def test_a_journal_shows_no_key_and_no_value(sunder, upstream, tmp_path):
    path = tmp_path / "journal"
    server = upstream().serve(lambda peer: peer.rest())
    proxy = sunder(server, "on * -> r1 requests do latency 1us", "--journal", path)
    dialer = proxy.dial()
    dialer.send(command("SET", "secret-key", "secret-value"))
    dialer.half_close()
    dialer.expect_end()
    proxy.terminate()
    assert proxy.wait() == 0
    assert "SET" in path.read_text() and "secret" not in path.read_text()
    assert "secret" not in proxy.text()
