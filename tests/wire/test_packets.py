"""blackhole and loss: packets are lost below TCP, without being root."""

import random
import select
import ctypes
import socket
import struct
import time

import pytest

from conftest import DEADLINE, PING, PONG, Peer, pong, wait_until

SO_ATTACH_FILTER = 26


def _refused():
    """Why this machine will not let us filter TCP packets; None when it does."""
    accept_all = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0xffffffff))
    program = struct.pack("HL", 1, ctypes.addressof(accept_all))
    with socket.socket() as sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        except OSError as e:
            return f"the kernel refuses a packet filter on TCP: {e.strerror}"
    return None


pytestmark = pytest.mark.skipif(_refused() is not None, reason=str(_refused()))

CUT, FREE = "127.0.0.77", "127.0.0.78"


def config(server, *rules):
    return {
        "nodes": [{"name": "r1", "listen": "127.0.0.1:0", "upstream": server.address}],
        "clients": [{"name": "cut", "sources": [CUT]},
                    {"name": "free", "sources": [FREE]}],
        "rules": list(rules),
    }


def order(proxy, command):
    """Over the console: when the answer comes, the rule is in force."""
    host, port = proxy.event("console")["address"].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as console:
        console.sendall(command.encode() + b"\r\n")
        assert console.recv(1) not in (b"", b"-"), command


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


CONSOLE = ("--console", "127.0.0.1:0")


def test_an_established_session_goes_silent_and_heals_without_loss(sunder, upstream):
    server = upstream()
    proxy = sunder(None, (), *CONSOLE, config=config(server))
    sock = dial(proxy, CUT)
    peer = server.accept()
    sock.sendall(b"GET a\r\n")
    assert peer.recv(7) == b"GET a\r\n"
    order(proxy, "RULE ADD hole: on cut -> r1 do blackhole")
    sock.sendall(b"GET b\r\n")
    peer.send(b"+lost\r\n")
    assert peer.silent(0.5), "the request must not get through"
    wait_until(lambda: retransmits(sock) > 0, "our kernel sends it again")
    order(proxy, "RULE DEL hole")
    assert peer.recv(7) == b"GET b\r\n"
    received = b""
    while len(received) < 7:
        received += sock.recv(7)
    assert received == b"+lost\r\n"
    sock.close()


def gives_up(sock):
    """Seconds until the kernel, and not the test, says ETIMEDOUT."""
    start = time.monotonic()
    sock.settimeout(10)
    with pytest.raises(TimeoutError) as caught:
        sock.recv(1)
    assert caught.value.errno is not None, "the test's own patience ended first"
    sock.close()
    return time.monotonic() - start


def test_keepalive_of_an_idle_client_fires(sunder, upstream):
    server = upstream()
    proxy = sunder(None, (), *CONSOLE, config=config(server))
    sock = dial(proxy, CUT)
    server.accept()
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1),
                          (socket.TCP_KEEPCNT, 2)):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    order(proxy, "RULE ADD on cut -> r1 do blackhole")
    assert 2 < gives_up(sock) < 6


def test_user_timeout_of_a_busy_client_fires(sunder, upstream):
    server = upstream()
    proxy = sunder(None, (), *CONSOLE, config=config(server))
    sock = dial(proxy, CUT)
    server.accept()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2000)
    order(proxy, "RULE ADD on cut -> r1 do blackhole")
    sock.sendall(b"GET a\r\n")
    assert 1.5 < gives_up(sock) < 6


def test_loss_costs_time_and_no_bytes(sunder, upstream):
    server = upstream()
    proxy = sunder(config=config(server, "on cut -> r1 do loss 10%"))
    sock = dial(proxy, CUT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer = server.accept()
    times = []
    for i in range(100):
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
    assert sorted(times)[50] < 0.01, "the median is untouched"
    assert retransmits(sock) > 0, "and packets have been lost"
    sock.close()


def test_while_one_dialer_is_cut_others_come_and_talk(sunder, upstream):
    """Accepted sockets inherit the listener's filter: it must not stay on theirs."""
    server = upstream().serve(pong)
    proxy = sunder(config=config(server, "on cut -> r1 do blackhole"))
    for _ in range(3):
        peer = Peer(dial(proxy, FREE))
        for _ in range(3):
            peer.send(PING)
            peer.expect(PONG)
        peer.half_close()
        peer.expect_end()


def test_a_connect_that_hangs_succeeds_when_the_rule_is_over(sunder, upstream):
    server = upstream().serve(pong)
    proxy = sunder(config=config(server, "on cut -> r1 do blackhole for 1500ms"))
    start = time.monotonic()
    peer = Peer(dial(proxy, CUT))  # the kernel sends its SYN again after 1, 3, 7 s
    assert 0.9 < time.monotonic() - start < 10
    peer.send(PING)
    peer.expect(PONG)
    peer.close()


def ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


@pytest.mark.skipif(not ipv6(), reason="no IPv6 here")
def test_over_ipv6_it_is_the_same(sunder, upstream):
    server = upstream(("::1", 0), socket.AF_INET6)
    proxy = sunder(server, (), *CONSOLE, listen="[::1]:0")
    dialer, peer = proxy.dial(), server.accept()
    order(proxy, "RULE ADD cut: on client -> r1 do blackhole")
    with pytest.raises(socket.timeout):
        with socket.socket(socket.AF_INET6) as sock:
            sock.settimeout(0.5)
            sock.connect(proxy.address())
    peer.send(PONG)
    dialer.send(b"ECHO x\r\n")
    assert peer.silent(0.3) and dialer.silent(0)
    wait_until(lambda: retransmits(dialer.sock) > 0, "our kernel sends it again")
    order(proxy, "RULE DEL cut")
    peer.expect(b"ECHO x\r\n")  # and at last it gets through
    dialer.expect(PONG)
    proxy.dial().close()


def test_one_way_is_one_way(sunder, upstream):
    """Lane replies: what the dialed says is lost, what the dialer says is not."""
    server = upstream()
    proxy = sunder(None, (), *CONSOLE, config=config(server))
    dialer, peer = Peer(dial(proxy, CUT)), server.accept()
    order(proxy, "RULE ADD cut: on cut -> r1 replies do blackhole")
    dialer.send(b"GET a\r\n")
    peer.expect(b"GET a\r\n")
    peer.send(b"+lost\r\n")
    assert dialer.silent(0.3)
    wait_until(lambda: retransmits(peer.sock) > 0, "the server's kernel sends it again")
    Peer(dial(proxy, CUT)).close()  # and a connect of its succeeds
    order(proxy, "RULE DEL cut")
    dialer.expect(b"+lost\r\n")


def test_a_fin_is_lost_too_and_the_heal_brings_it(sunder, upstream):
    server = upstream()
    proxy = sunder(None, (), *CONSOLE, config=config(server))
    dialer, peer = Peer(dial(proxy, CUT)), server.accept()
    order(proxy, "RULE ADD cut: on cut -> r1 do blackhole")
    dialer.send(b"GET a\r\n")
    dialer.half_close()
    assert peer.silent(0.4)
    order(proxy, "RULE DEL cut")
    peer.expect(b"GET a\r\n")
    peer.expect_end()


def test_a_proxy_whose_sessions_are_cut_ends_in_order(sunder, upstream):
    server = upstream()
    proxy = sunder(server, (), *CONSOLE)
    dialer, peer = proxy.dial(), server.accept()
    order(proxy, "RULE ADD cut: on client -> r1 do blackhole")
    dialer.send(PING)
    assert peer.silent(0.1)
    proxy.terminate(2)
    assert proxy.wait() == 0
    dialer.expect_reset()
    peer.expect_reset()


@pytest.mark.parametrize("percent", [10, 30])
def test_what_is_sent_over_a_lossy_link_arrives_as_it_was(sunder, upstream, percent):
    """Each way; segments of 64 KB on loopback, so the bytes are sent in small ones."""
    server = upstream()
    proxy = sunder(config=config(server, f"on cut -> r1 do loss {percent}%"))
    dialer, peer = Peer(dial(proxy, CUT)), server.accept()
    noise = random.Random(percent).randbytes(300_000)
    for source, target in ((dialer, peer), (peer, dialer)):
        source.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
        source.sock.setblocking(False)
        sent, got = 0, bytearray()
        end = time.monotonic() + 2 * DEADLINE
        while len(got) < len(noise):
            assert time.monotonic() < end, f"{len(got)} of {len(noise)} bytes came"
            ready = select.select([target.sock], [source.sock] if sent < len(noise)
                                  else [], [], 5)
            if ready[1]:
                sent += source.sock.send(noise[sent:sent + 1400])
            if ready[0]:
                got += target.sock.recv(1 << 16)
        assert bytes(got) == noise
        assert retransmits(source.sock) > 0
        source.sock.settimeout(DEADLINE)
