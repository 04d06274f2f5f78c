"""What the faults of the stream do to real connections, and what is left on healing."""

import fcntl
import random
import select
import struct
import termios
import threading
import time

import pytest
from conftest import DEADLINE, PING, PONG, SANITIZED, command, echo, pong, wait_until
from control import Control, live  # noqa: F401  pylint: disable=unused-import

GET = command("GET", "k")
MEASURED = pytest.mark.skipif(SANITIZED, reason="sanitizers take what is measured")


def unsent(peer):
    """Bytes that the other end's kernel has not acknowledged (SIOCOUTQ)."""
    return struct.unpack("i", fcntl.ioctl(peer.sock, termios.TIOCOUTQ, bytes(4)))[0]


def rate(pairs, n):
    """Bytes a second that come through to all dialers together, n to each: from the
    first to arrive to the last."""
    data, sent, got = bytes(1 << 20), dict.fromkeys(pairs, 0), 0
    senders = {server.sock: dialer for dialer, server in pairs.items()}
    readers = {dialer.sock for dialer in pairs}
    into = bytearray(1 << 20)
    first = at_first = None
    for server in senders:
        server.setblocking(False)
    while got < n * len(pairs):
        writers = [s for s, d in senders.items() if sent[d] < n]
        readable, writable, _ = select.select(readers, writers, [], 20)
        assert readable or writable, f"nothing moves after {got} bytes"
        for s in writable:
            left = n - sent[senders[s]]
            sent[senders[s]] += s.send(memoryview(data)[:min(left, len(data))])
        for s in readable:
            got += s.recv_into(into)
        if first is None and got:
            first, at_first = time.monotonic(), got
    return (got - at_first) / (time.monotonic() - first)


@pytest.mark.alone
@MEASURED
@pytest.mark.parametrize("target, seconds", [(10_000, 1.5), (500_000_000, 0.5)])
def test_bandwidth_at_both_ends_of_its_range(pair, target, seconds):
    n = int(target * seconds)
    if target > 100_000_000:
        _, dialer, server = pair()
        free = rate({dialer: server}, n)
        if free < target * 1.3:
            pytest.skip(f"this machine moves no more than {free / 1e6:.0f} MB/s")
    _, dialer, server = pair(f"on * -> r1 replies do bandwidth {target}/s")
    achieved = rate({dialer: server}, n)
    assert 0.98 <= achieved / target <= 1.02, f"{achieved:.0f} bytes a second"


@pytest.mark.alone
@MEASURED
@pytest.mark.parametrize("scope, target", [("link", 2_000_000), ("session", 4_000_000)])
def test_two_sessions_share_the_rate_of_a_link_or_have_one_each(sunder, upstream, scope,
                                                               target):
    server = upstream()
    proxy = sunder(server, f"on * -> r1 replies do bandwidth 2000000/s scope={scope}")
    pairs = {proxy.dial(): server.accept() for _ in range(2)}
    achieved = rate(pairs, target // 2)
    assert 0.98 <= achieved / target <= 1.02, f"{achieved:.0f} bytes a second together"
    for dialer in pairs:
        dialer.close()


def test_a_throttle_lets_go_in_bursts(pair):
    _, dialer, server = pair("on * -> r1 replies do throttle 150ms")
    sent, arrived = [], []

    def send():
        for i in range(40):
            sent.append(time.monotonic())
            server.send(b"+%02d\r\n" % i)
            select.select([], [], [], 0.012)

    sender = threading.Thread(target=send)
    sender.start()
    for i in range(40):
        dialer.expect(b"+%02d\r\n" % i)
        arrived.append(time.monotonic())
    sender.join()
    gaps = [b - a for a, b in zip(arrived, arrived[1:])]
    bursts = [g for g in gaps if g > 0.050]
    most = (arrived[-1] - sent[0]) / 0.150 + 1
    assert len(bursts) <= most, "in half a second, messages leave in four or five bursts"
    assert sum(bursts) > 0.25, "and between those nothing leaves"
    assert all(a >= s for s, a in zip(sent, arrived))
    assert max(a - s for s, a in zip(sent, arrived)) < 1, "none waits for two bursts"


def test_a_freeze_fills_the_buffers_of_the_sender_and_a_thaw_loses_nothing(live):
    control, _, dialer, server = live("ice: on * -> r1 replies do freeze")
    noise, filled = random.Random(1).randbytes(1 << 20) * 64, 0
    server.sock.setblocking(False)
    while select.select([], [server.sock], [], 0.3)[1]:
        filled += server.sock.send(memoryview(noise)[filled:filled + 65536])
    assert 0 < filled < len(noise) - 65536, "the kernel's buffers, and no more"
    assert unsent(server) > 0
    server.sock.settimeout(DEADLINE)
    assert dialer.silent(0.05)
    dialer.send(PING)  # the other lane is as it was
    server.expect(PING)
    control.remove("ice")
    dialer.expect(noise[:filled])
    server.send(PONG)
    dialer.expect(PONG)


def test_the_frozen_are_deaf_until_they_thaw(live):
    control, _, dialer, server = live("ice: on * -> r1 replies do freeze")
    server.send(PONG)
    server.close()
    assert dialer.silent(0.2)
    control.remove("ice")
    dialer.expect(PONG)
    dialer.expect_end()


def test_what_is_swallowed_was_acknowledged_and_the_heal_closes(live):
    control, _, dialer, server = live("hole: on * -> r1 replies do swallow")
    server.send(PONG * 1000)
    wait_until(lambda: unsent(server) == 0, "our kernel acknowledges it")
    assert dialer.silent(0.1)
    dialer.send(PING)
    server.expect(PING)
    control.remove("hole")
    dialer.expect_end()
    server.expect_end()


def test_a_swallow_that_swallowed_nothing_closes_nothing(live):
    control, _, dialer, server = live("hole: on * -> r1 replies do swallow")
    dialer.send(PING)
    server.expect(PING)
    control.remove("hole")
    server.send(PONG)
    dialer.expect(PONG)


@pytest.mark.parametrize("fault", ["hang", "hold"])
def test_what_hangs_is_delivered_in_order_when_it_heals(live, fault):
    control, proxy, dialer, server = live(f"cut: on * -> r1 both do {fault}")
    up, down = (random.Random(i).randbytes(1_000_000) for i in range(2))
    dialer.send(b"\x16" + up)  # no Redis at all: it holds as well
    server.send(b"\x16" + down)
    proxy.stats_when("both lanes are held", lambda s: s["held"] > 2_000_000)
    assert server.silent(0.05) and dialer.silent(0.05)
    control.remove("cut")
    server.expect(b"\x16" + up)
    dialer.expect(b"\x16" + down)
    dialer.half_close()
    server.expect_end()


@pytest.mark.parametrize("dead", ["dialer", "server"])
def test_a_reset_is_seen_through_a_hang(pair, dead):
    _, dialer, server = pair("on * -> r1 both do hang")
    dialer.send(GET)
    server.send(PONG)
    assert dialer.silent(0.05) and server.silent(0.05)
    (dialer if dead == "dialer" else server).reset()
    (server if dead == "dialer" else dialer).expect_reset()


def test_what_two_partitions_hold_is_not_let_go_by_healing_one(live):
    control, _, dialer, server = live("one: on * -> r1 both do hang",
                                      "two: on client -> * both do hang")
    dialer.send(GET)
    server.send(PONG)
    assert server.silent(0.05)
    control.remove("one")
    assert server.silent(0.1) and dialer.silent(0.1)
    control.remove("two")
    server.expect(GET)
    dialer.expect(PONG)


def test_a_close_is_slow_and_the_bytes_before_it_are_not(pair):
    _, dialer, server = pair("on * -> r1 replies do slow-close 400ms")
    server.send(PONG)
    server.half_close()
    start = time.monotonic()
    dialer.expect(PONG)
    assert time.monotonic() - start < 0.3
    dialer.send(PING)  # the other lane is open all the while
    server.expect(PING)
    dialer.expect_end()
    assert time.monotonic() - start >= 0.4
    dialer.half_close()
    start = time.monotonic()
    server.expect_end()
    assert time.monotonic() - start < 0.3, "lane requests closes as ever"


def test_a_slow_connect_waits_before_it_dials(sunder, upstream):
    server = upstream()
    proxy = sunder(server, "on * -> r1 do slow-connect 300ms")
    dialer = proxy.dial()
    start = time.monotonic()
    dialer.send(PING)
    peer = server.accept()
    assert time.monotonic() - start >= 0.28
    peer.expect(PING)
    peer.send(PONG)
    dialer.expect(PONG)
    dialer.close()


def test_a_slow_connect_is_over_with_its_rule(sunder, upstream):
    server = upstream()
    proxy = sunder(server, "on * -> r1 do slow-connect 1h for 500ms")
    dialer = proxy.dial()
    dialer.send(PING)
    server.accept().expect(PING)  # or the deadline passes
    dialer.close()


def test_who_is_refused_is_named_and_live_sessions_go_on(sunder, upstream):
    server = upstream().serve(pong)
    proxy = sunder(config={
        "nodes": [{"name": "r1", "listen": "127.0.0.1:0", "upstream": server.address}],
        "clients": [{"name": "bad", "sources": ["127.0.0.66"]},
                    {"name": "good", "sources": ["127.0.0.67"]}],
        "rules": ["bell: on good -> r1 requests when command=PING nth=2 do latency 1us",
                  "on bad -> r1 after bell fired do refuse"]})
    good, early = proxy.dial(source="127.0.0.67"), proxy.dial(source="127.0.0.66")
    for peer in (early, good, good):
        peer.send(PING)
        peer.expect(PONG)
    with pytest.raises(ConnectionResetError):
        proxy.dial(source="127.0.0.66").sock.recv(1)
    for peer in (early, good, proxy.dial(source="127.0.0.67")):
        peer.send(PING)
        peer.expect(PONG)


@pytest.mark.parametrize("fault", ["reset", "close"])
def test_idle_sessions_end_when_a_rule_is_added(sunder, upstream, fault):
    server = upstream()
    proxy = sunder(config={
        "nodes": [{"name": "r1", "listen": "127.0.0.1:0", "upstream": server.address}],
        "clients": [{"name": "bad", "sources": ["127.0.0.66"]}],
        "rules": ["bell: on client -> r1 requests when command=PING do latency 1us",
                  f"on bad -> r1 after bell fired do {fault}"]})
    bad = [(proxy.dial(source="127.0.0.66"), server.accept()) for _ in range(3)]
    dialer, peer = proxy.dial(), server.accept()
    assert all(d.silent(0.02) and p.silent(0) for d, p in bad)
    dialer.send(PING)
    for d, p in bad:
        for end in (d, p):
            end.expect_reset() if fault == "reset" else end.expect_end()
    peer.expect(PING)
    peer.send(PONG)
    dialer.expect(PONG)


def test_a_rule_for_a_while_ends_by_itself(pair):
    _, dialer, server = pair("on * -> r1 requests do latency 300ms for 600ms")
    slow = fast = 0
    end = time.monotonic() + 10
    while not fast and time.monotonic() < end:
        start = time.monotonic()
        dialer.send(GET)
        server.expect(GET)
        if time.monotonic() - start >= 0.3:
            slow += 1
        elif slow:
            fast += 1
    assert slow and fast


def test_a_change_of_rules_waits_for_nobody(live):
    """Full lanes, full sockets, and no one who reads: the console answers at once."""
    control, proxy, dialer, server = live("cut: on * -> r1 both do hang")
    server.fill()
    dialer.fill()
    proxy.stats_when("the lanes are full", lambda s: s["held"] > 1 << 20)
    worst = 0
    for i in range(50):
        start = time.monotonic()
        control.add(f"r{i}: on * -> r1 replies do latency {i}ms")
        control.remove(f"r{i}")
        worst = max(worst, time.monotonic() - start)
    assert worst < 1, f"{worst:.3f} s"


def test_rules_come_and_go_under_load_and_no_byte_is_lost(sunder, upstream):
    """Only rules that promise to lose none; what comes back is compared as it comes."""
    server = upstream().serve(echo)
    proxy = sunder(server, (), "--console", "127.0.0.1:0")
    control, dialers, errors = Control(proxy), [proxy.dial() for _ in range(8)], []
    stop = threading.Event()

    def talk(dialer, seed):
        rng = random.Random(seed)
        try:
            while not stop.is_set():
                data = b"".join(command("SET", "k", rng.randbytes(rng.randrange(300)))
                                for _ in range(rng.randrange(1, 20)))
                dialer.send(data)
                dialer.expect(data)
        except (AssertionError, OSError) as e:
            errors.append(f"session {seed}: {e!r}")
    threads = [threading.Thread(target=talk, args=(d, i)) for i, d in enumerate(dialers)]
    for t in threads:
        t.start()
    rng = random.Random(42)
    faults = ["latency 1ms jitter=1ms", "bandwidth 5mb", "bandwidth 20mb scope=link",
              "throttle 2ms", "slice 100", "slice 7 variation=3", "hang", "hold",
              "freeze", "slow-close 1s"]
    for i in range(300):
        lane = rng.choice(["requests", "replies", "both"])
        when = rng.choice(["", "when command=SET", "chance=50%"])
        fault = rng.choice(faults)
        if fault.startswith("slow"):
            when = ""
        control.add(f"r{i}: on * -> r1 {lane} {when} do {fault}")
        if i >= 3:
            control.remove(f"r{i - 3}")
        if errors:
            break
    control.remove()
    stop.set()
    for t in threads:
        t.join(20)
    assert not errors, errors[0]
    assert not any(t.is_alive() for t in threads), "a session is stuck"
    proxy.stats_when("nothing is held", lambda s: s["held"] == 0)
    control.close()
