"""No rule matches: the bytes that leave are the bytes that came, whatever they are."""

import os
import random
import threading

import pytest
from conftest import PING, PONG, command
from traffic import Batches, slices

# A rule that never fires makes the whole path of a decision run.
IDLE = "on * -> * when command=NOSUCH do latency 1s"
SIZE = int(os.environ.get("SUNDER_IDENTITY_BYTES", 64 << 20))


def exchange(dialer, server, batches, seed):
    """Both ends at once; answers what went wrong, which should be nothing."""
    wrong = []

    def guard(play):
        def run():
            try:
                play(random.Random(f"{seed} {play.__name__}"))
            except (AssertionError, OSError) as e:
                wrong.append(f"{play.__name__}: {e!r:.300}")
                dialer.close()
                server.close()
        return threading.Thread(target=run)

    def ask(rng):
        for requests, _ in batches:
            for piece in slices(rng, requests):
                dialer.send(piece)
        dialer.half_close()

    def answer(rng):
        for i, (requests, replies) in enumerate(batches):
            assert server.recv(len(requests)) == requests, f"requests differ in batch {i}"
            for piece in slices(rng, replies):
                server.send(piece)
        server.expect_end()
        server.half_close()

    def listen(_):
        for i, (_, replies) in enumerate(batches):
            assert dialer.recv(len(replies)) == replies, f"replies differ in batch {i}"
        dialer.expect_end()

    threads = [guard(f) for f in (ask, answer, listen)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return wrong


def test_mixed_traffic_in_random_slices_arrives_byte_equal(pair):
    proxy, dialer, server = pair(IDLE)
    batches = Batches("mixed", SIZE)
    assert exchange(dialer, server, batches, "mixed") == []
    stats = proxy.stats_when("the session is gone", lambda s: s["sessions"] == 0)
    assert stats["opaque"] == 0, "it did not understand its own protocol"
    assert stats["pairing_lost"] == 0, "it lost count of which reply answers what"
    assert stats["held"] == 0


def test_slices_and_delays_change_no_byte(pair):
    _, dialer, server = pair(["on * -> * both do slice 700 gap=0",
                              "on * -> * both chance=10% do latency 1ms"])
    assert exchange(dialer, server, Batches("cut", 2 << 20), "cut") == []


def test_every_cut_of_a_small_exchange_arrives(pair):
    _, dialer, server = pair(IDLE)
    text = command("SET", "k", b"a\r\n*1\r\n") + PING + b"PING\r\n" + command("GET", "k")
    for n in range(1, len(text)):
        for piece in (text[:n], text[n:]):
            dialer.send(piece)
        server.expect(text)
        server.send(PONG)
        dialer.expect(PONG)


HOSTILE = {
    "random": random.Random("hostile").randbytes(100_000),
    "zeros": bytes(100_000),
    "newlines": b"\r\n" * 50_000,
    "endless line": b"x" * 200_000,
    "tls hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "http": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
    "huge array": b"*2147483647\r\n$4\r\nPING\r\n" + bytes(1000),
    "huge bulk": b"*1\r\n$9223372036854775807\r\n" + bytes(100_000),
    "overflow": b"*99999999999999999999999999\r\n" + PING,
    "negative": b"*-5\r\n$-7\r\n" + PING,
    "deep": b"*1\r\n" * 20_000,
    "no length": b"*\r\n$\r\n" + PING,
    "wrong terminator": b"*1\r\n$4\r\nPINGxx" + PING,
    "psync": command("PSYNC", "?", "-1") + bytes(1000),
    "long command": command(b"A" * 70_000, "b"),
    "half a frame": b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nabc",
}


@pytest.mark.parametrize("lane", ["requests", "replies"])
@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_bytes_pass_untouched(pair, what, lane):
    proxy, dialer, server = pair(IDLE)
    source, target = (dialer, server) if lane == "requests" else (server, dialer)
    source.send(HOSTILE[what])
    source.half_close()
    assert target.rest() == HOSTILE[what]
    target.send(PING)
    target.half_close()
    assert source.rest() == PING
    proxy.stats_when("the session is gone", lambda s: s["sessions"] == 0)


def test_an_opaque_stream_is_counted_and_does_not_disturb_others(sunder, upstream):
    server = upstream()
    proxy = sunder(server, IDLE)
    bad, good = proxy.dial(), proxy.dial()
    ends = [server.accept(), server.accept()]
    bad.send(b"\x16\x03\x01" + bytes(300))
    good.send(PING)
    got = sorted(e.recv(14) for e in ends)
    assert got == sorted([b"\x16\x03\x01" + bytes(11), PING])
    assert proxy.stats()["opaque"] == 1
