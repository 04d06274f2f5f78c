"""blackhole and loss: packets are lost below TCP, without being root."""

import socket
import struct
import time

import pytest

from conftest import DEADLINE, wait_until

CUT, FREE = "127.0.0.77", "127.0.0.78"


def config(server, *rules):
    return {
        "nodes": [{"name": "r1", "listen": "127.0.0.1:0", "upstream": server.address}],
        "clients": [{"name": "cut", "sources": [CUT]},
                    {"name": "free", "sources": [FREE]}],
        "rules": list(rules),
    }


def dial(proxy, source, timeout=DEADLINE):
    sock = socket.socket()
    sock.bind((source, 0))
    sock.settimeout(timeout)
    sock.connect(proxy.address())
    return sock


def retransmits(sock):
    """tcpi_total_retrans: the 100th byte of struct tcp_info (linux/tcp.h)."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("I", info, 100)[0]


def test_the_cut_dialer_hangs_in_connect_and_others_do_not(sunder, upstream):
    proxy = sunder(config=config(upstream(), "on cut -> r1 do blackhole"))
    start = time.monotonic()
    with pytest.raises(socket.timeout):
        dial(proxy, CUT, 1.5)
    assert time.monotonic() - start > 1.4
    start = time.monotonic()
    dial(proxy, FREE).close()
    assert time.monotonic() - start < 0.5


def test_an_established_session_goes_silent_and_heals_without_loss(sunder, upstream):
    server = upstream()
    proxy = sunder(config=config(
        server, "bell: on free -> r1 requests when command=PING do latency 1us",
        "on cut -> r1 after bell fired do blackhole until bell2 fired",
        "bell2: on free -> r1 requests when command=ECHO do latency 1us"))
    sock = dial(proxy, CUT)
    peer = server.accept()
    sock.sendall(b"GET a\r\n")
    assert peer.recv(7) == b"GET a\r\n"
    bell = dial(proxy, FREE)
    ringer = server.accept()
    bell.sendall(b"PING\r\n")
    assert ringer.recv(6) == b"PING\r\n"
    sock.sendall(b"GET b\r\n")
    peer.send(b"+lost\r\n")
    assert peer.silent(0.5), "the request must not get through"
    wait_until(lambda: retransmits(sock) > 0, "our kernel sends it again")
    bell.sendall(b"ECHO x\r\n")
    assert ringer.recv(8) == b"ECHO x\r\n"
    assert peer.recv(7) == b"GET b\r\n"
    received = b""
    while len(received) < 7:
        received += sock.recv(7)
    assert received == b"+lost\r\n"
    for s in (sock, bell):
        s.close()


def test_keepalive_of_an_idle_client_fires(sunder, upstream):
    server = upstream()
    proxy = sunder(config=config(
        server, "bell: on free -> r1 requests when command=PING do latency 1us",
        "on cut -> r1 after bell fired do blackhole"))
    sock = dial(proxy, CUT)
    server.accept()
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1),
                          (socket.TCP_KEEPCNT, 2)):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    bell = dial(proxy, FREE)
    bell.sendall(b"PING\r\n")
    start = time.monotonic()
    sock.settimeout(10)
    with pytest.raises(TimeoutError) as caught:
        sock.recv(1)
    assert caught.value.errno is not None, "the kernel, not the test, gave up"
    assert 2 < time.monotonic() - start < 6
    sock.close()
    bell.close()


def test_user_timeout_of_a_busy_client_fires(sunder, upstream):
    server = upstream()
    proxy = sunder(config=config(
        server, "bell: on free -> r1 requests when command=PING do latency 1us",
        "on cut -> r1 after bell fired do blackhole"))
    sock = dial(proxy, CUT)
    server.accept()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2000)
    bell = dial(proxy, FREE)
    ringer = server.accept()
    bell.sendall(b"PING\r\n")
    assert ringer.recv(6) == b"PING\r\n"
    start = time.monotonic()
    sock.settimeout(0.2)

    def gave_up():
        """Ask again and again: the first request may still have been faster."""
        try:
            sock.sendall(b"GET a\r\n")
            sock.recv(1)
        except TimeoutError as e:
            return e.errno is not None  # else the test's own patience
        return False
    wait_until(gave_up, "the kernel gives up")
    assert 1.5 < time.monotonic() - start < 8
    sock.close()
    bell.close()


def test_loss_costs_time_and_no_bytes(sunder, upstream):
    server = upstream()
    proxy = sunder(config=config(server, "on cut -> r1 do loss 10%"))
    sock = dial(proxy, CUT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer = server.accept()
    times = []
    for i in range(200):
        ask, answer = b"PING %03d\r\n" % i, b"+%03d\r\n" % i
        start = time.monotonic()
        sock.sendall(ask)
        assert peer.recv(len(ask)) == ask
        peer.send(answer)
        got = b""
        while len(got) < len(answer):
            got += sock.recv(len(answer) - len(got))
        assert got == answer
        times.append(time.monotonic() - start)
    assert sorted(times)[100] < 0.01, "the median is untouched"
    assert retransmits(sock) > 0, "and packets have been lost"
    sock.close()
