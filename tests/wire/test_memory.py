"""Memory is bounded, and a bound stops the sender instead of growing or dropping."""

import os
import resource
import socket
import threading

import pytest
from conftest import PING, PONG, SANITIZED, command, pong

MIB = 1 << 20
LIMIT = 64 * MIB
BLOCK = os.urandom(MIB)


def small(proxy):
    """Its peak of memory, which says nothing when sanitizers keep memory of their own."""
    peak = proxy.rss("VmHWM")
    assert SANITIZED or peak < LIMIT, f"it took {peak / MIB:.0f} MiB"


def pour(peer, header, blocks):
    def run():
        try:
            peer.send(header)
            for _ in range(blocks):
                peer.send(BLOCK)
            peer.send(b"\r\n")
        except OSError:
            pass  # the reader says what is missing
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("lane", ["requests", "replies"])
def test_a_value_of_512_mb_passes_in_little_memory(pair, lane):
    blocks = 32 if SANITIZED else 512
    proxy, dialer, server = pair("on * -> * when command=NOSUCH do latency 1s")
    value = b"$%d\r\n" % (blocks * MIB)
    header = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n" + value if lane == "requests" else value
    source, target = (dialer, server) if lane == "requests" else (server, dialer)
    if lane == "replies":
        dialer.send(command("GET", "k"))
        server.expect(command("GET", "k"))
    thread = pour(source, header, blocks)
    target.expect(header)
    for _ in range(blocks):
        assert target.recv(MIB) == BLOCK
    target.expect(b"\r\n")
    thread.join()
    small(proxy)
    assert proxy.stats()["opaque"] == 0


def test_a_client_that_never_reads_two_gigabytes_of_replies_stops_the_server(pair):
    proxy, dialer, server = pair()
    thread = pour(server, b"", 2048)
    stats = proxy.stats_when("reading has stopped", lambda s: s["paused"] > 0)
    thread.join(1.0)
    assert thread.is_alive(), "two gigabytes went somewhere"
    small(proxy)
    assert stats["held_max"] < LIMIT
    dialer.reset()


def test_a_slow_reader_stops_the_sender_and_then_gets_everything(sunder, upstream):
    server = upstream()
    proxy = sunder(server, (), "--lane-limit", "256kb")
    dialer = proxy.dial(rcvbuf=65536)
    peer = server.accept()
    sent = peer.fill()
    assert sent < 32 * MIB, "the sender was not stopped"
    stats = proxy.stats()
    assert 0 < stats["held"] <= 256 * 1024 + 64 * 1024
    assert stats["paused"] >= 1
    peer.half_close()
    got = 0
    while part := dialer.sock.recv(MIB):
        got += len(part)
    assert got == sent


def test_the_total_bounds_all_sessions_together(sunder, upstream):
    server = upstream()
    proxy = sunder(server, (), "--lane-limit", "1mb", "--total-limit", "2mb")
    dialers = [proxy.dial(rcvbuf=65536) for _ in range(6)]
    peers = [server.accept() for _ in dialers]
    sent = [peer.fill() for peer in peers]
    assert proxy.stats()["held_max"] <= 2 * MIB + 6 * 64 * 1024
    total = 0
    for peer in peers:
        peer.half_close()
    threads, got = [], []

    def drain(dialer):
        n = 0
        while part := dialer.sock.recv(MIB):
            n += len(part)
        got.append(n)
    for dialer in dialers:
        threads.append(threading.Thread(target=drain, args=(dialer,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    total = sum(got)
    assert total == sum(sent), "what was stopped did not go on"


def test_a_delay_that_needs_more_than_the_bound_is_counted(sunder, upstream):
    server = upstream()
    proxy = sunder(server, "on * -> r1 requests do latency 100ms", "--lane-limit",
                   "128kb")
    dialer = proxy.dial()
    peer = server.accept()
    thread = threading.Thread(target=dialer.send, args=(BLOCK * 2,))
    thread.start()
    assert peer.recv(2 * MIB) == BLOCK * 2
    thread.join()
    stats = proxy.stats()
    assert stats["paused"] >= 1 and stats["paused_ms"] > 0
    assert len([line for line in proxy.log if line and "lvl=warn" in line]) == 1


def allow_descriptors(n):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (n, max(n, hard)))
        return n
    except (ValueError, OSError):
        return soft


def test_ten_thousand_idle_sessions_are_cheap(sunder, upstream):
    room = allow_descriptors(30_000)
    n = min(10_000, (room - 200) // 2)  # this process holds both ends, so does the proxy
    server = upstream(backlog=4096)
    most = max(room, 20_200)
    proxy = sunder(server, limits={resource.RLIMIT_NOFILE: (most, most)}
                   if room >= 30_000 else None)
    address, before = proxy.address(), proxy.rss()
    dialers, ends = [], []
    for _ in range(n):
        dialers.append(socket.create_connection(address, 20))
        ends.append(server.accept())
    proxy.stats_when("all are there", lambda s: s["sessions"] == n)
    used = proxy.rss() - before
    assert SANITIZED or before + used < 16 * MIB
    assert SANITIZED or used / n <= 1536, f"{used / n:.0f} bytes a session"
    start = proxy.cpu()
    for dialer, end in ((dialers[0], ends[0]), (dialers[-1], ends[-1])):
        dialer.sendall(PING)
        end.expect(PING)
        end.send(PONG)
        assert dialer.recv(100) == PONG
    assert proxy.cpu() - start < 0.1
    for dialer, end in zip(dialers, ends):
        dialer.close()
        end.close()
    proxy.stats_when("all are gone", lambda s: s["sessions"] == 0)
    kept = proxy.rss() - before
    assert SANITIZED or kept < max(used / 4, MIB), f"{kept} of {used} bytes are kept"


def test_sessions_come_and_go_without_leaving_memory(sunder, upstream):
    server = upstream().serve(pong)
    proxy = sunder(server, "on * -> * when command=NOSUCH do latency 1s")

    def generation(n):
        for _ in range(n):
            dialer = proxy.dial()
            dialer.send(PING * 3)
            dialer.expect(PONG * 3)
            dialer.close()
        proxy.stats_when("all are gone", lambda s: s["sessions"] == 0)
        return proxy.rss()
    settled = generation(500)
    grown = generation(1500) - settled
    assert SANITIZED or grown < MIB, f"{grown} bytes more after 1500 sessions"
