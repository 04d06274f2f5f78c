"""TCP honesty: what one end does to a connection is what the other end sees."""

import contextlib
import os
import resource
import signal
import socket
import time

import pytest
from conftest import PING, PONG, Peer, command, echo, pong, wait_until


def test_the_dialer_may_stop_sending_and_still_be_answered(pair):
    proxy, dialer, server = pair()
    dialer.send(PING)
    dialer.half_close()
    server.expect(PING)
    server.expect_end()
    server.send(PONG * 1000)
    server.half_close()
    assert dialer.rest() == PONG * 1000
    proxy.stats_when("the session is gone", lambda s: s["sessions"] == 0)


def test_the_dialed_may_stop_sending_and_still_be_asked(pair):
    proxy, dialer, server = pair()
    server.send(PONG)
    server.half_close()
    assert dialer.rest() == PONG
    dialer.send(PING * 1000)
    dialer.half_close()
    assert server.rest() == PING * 1000
    proxy.stats_when("the session is gone", lambda s: s["sessions"] == 0)


def test_a_reset_by_the_dialer_reaches_the_server(pair):
    _, dialer, server = pair()
    dialer.send(PING)
    server.expect(PING)
    dialer.reset()
    server.expect_reset()


def test_a_reset_by_the_server_reaches_the_dialer(pair):
    _, dialer, server = pair()
    dialer.send(PING)
    server.expect(PING)
    server.reset()
    dialer.expect_reset()


def test_a_reset_after_a_half_close_is_still_a_reset(pair):
    _, dialer, server = pair()
    dialer.half_close()
    server.expect_end()
    server.reset()
    dialer.expect_reset()


def test_a_full_close_by_the_server_ends_the_session_in_order(pair):
    proxy, dialer, server = pair()
    server.send(PONG)
    server.close()
    assert dialer.rest() == PONG
    dialer.close()
    proxy.stats_when("the session is gone", lambda s: s["sessions"] == 0)


def test_what_was_sent_before_the_upstream_answers_is_not_lost(sunder, upstream):
    server = upstream()
    proxy = sunder(server)
    dialer = proxy.dial()
    dialer.send(PING * 5000)
    dialer.half_close()
    assert server.accept().rest() == PING * 5000


@pytest.fixture
def nobody():
    """An address that refuses: bound, so that nobody else gets it, and not listening."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


def expect_refusal(proxy):
    """A reset, which may come before connect() has returned."""
    with pytest.raises(ConnectionResetError):
        proxy.dial().rest()


def name_of(sock):
    return "%s:%d" % sock.getsockname()


def test_an_upstream_that_refuses_is_a_reset_for_the_dialer(sunder, nobody):
    proxy = sunder(name_of(nobody))
    for _ in range(3):
        expect_refusal(proxy)
    assert proxy.stats_when("all are gone", lambda s: s["sessions"] == 0)["refused"] == 3


def test_when_down_refuse_closes_the_door_and_opens_it_again(sunder, upstream, nobody):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        door = name_of(free)
    proxy = sunder(name_of(nobody), (), "--when-down", "refuse", listen=door)
    address = proxy.address()

    def refused():
        with socket.socket() as sock:
            sock.settimeout(5)
            try:
                sock.connect(address)
                sock.recv(1)
            except ConnectionRefusedError:
                return True
            except ConnectionResetError:
                pass
            return False
    wait_until(refused, "the door is closed while nobody is behind it")
    nobody.listen()

    def served():
        try:
            return proxy.dial()
        except OSError:
            return None
    dialer = wait_until(served, "the door is open again")
    nobody.settimeout(20)
    while True:  # the proxy's own look at whether the upstream is back comes first
        server = Peer(nobody.accept()[0])
        dialer.send(PING)
        if server.sock.recv(len(PING)) == PING:
            break
        server.close()
    server.close()


@pytest.fixture
def deaf(upstream):
    """One that answers no SYN: Linux does not, once the queue of a listener is full."""
    server = upstream(backlog=0)
    with contextlib.ExitStack() as queue:
        for _ in range(3):
            sock = queue.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", server.port))
        yield server


def test_an_upstream_that_never_answers_is_given_up(sunder, deaf):
    proxy = sunder(deaf, (), "--connect-timeout", "300ms")
    start = time.monotonic()
    expect_refusal(proxy)
    took = time.monotonic() - start
    assert 0.29 <= took < 5


def test_a_dialer_that_leaves_during_the_connect_is_forgotten(sunder, deaf):
    proxy = sunder(deaf, (), "--connect-timeout", "500ms")
    dialer = proxy.dial()
    proxy.stats_when("the session is known", lambda s: s["sessions"] == 1)
    dialer.reset()
    proxy.stats_when("the session is gone", lambda s: s["sessions"] == 0)


def test_out_of_descriptors_it_waits_without_spinning_and_recovers(sunder, upstream):
    server = upstream().serve(echo)
    proxy = sunder(server, limits={resource.RLIMIT_NOFILE: (128, 128)})
    dialers = [proxy.dial() for _ in range(60)]
    proxy.stats_when("it has taken what it can", lambda s: s["sessions"] >= 15)
    before, start = proxy.cpu(), time.monotonic()
    assert dialers[-1].silent(1.0), "this one cannot have been served yet"
    assert proxy.cpu() - before < 0.2 * (time.monotonic() - start), "it spins"
    assert proxy.text().count("ev=accept") < 4, "it floods its log"
    while dialers:  # each that leaves makes room for one that waits
        dialer = dialers.pop(0)
        dialer.send(PING)
        dialer.expect(PING)
        dialer.close()
    proxy.stats_when("all are gone", lambda s: s["sessions"] == 0)


def test_each_node_takes_a_descriptor_that_sessions_cannot_have(sunder, upstream):
    nodes = [{"name": f"n{i}", "listen": "127.0.0.1:0",
              "upstream": upstream().serve(pong).address} for i in range(90)]
    proxy = sunder(config={"nodes": nodes}, limits={resource.RLIMIT_NOFILE: (200, 200)})
    dialers = [proxy.dial(f"n{i}") for i in range(40)]
    fair = int(proxy.event("limit")["sessions"])
    assert 0 < fair < 30
    for dialer in dialers:  # all are served, as those before them leave
        dialer.send(PING)
        dialer.expect(PONG)
        dialer.close()
    assert not proxy.events("dial.failed")
    assert proxy.events("accept.pause")[0]["reason"] == "session limit reached"


def test_a_lack_of_descriptors_is_not_blamed_on_the_upstream(sunder, upstream):
    server, most = upstream().serve(pong), 70
    proxy = sunder(server, (), "--console", "127.0.0.1:0",
                   limits={resource.RLIMIT_NOFILE: (most, most)})
    host, port = proxy.event("console")["address"].split(":")
    taken = []
    while (left := most - 1 - len(os.listdir(f"/proc/{proxy.process.pid}/fd"))) > 0:
        taken += [socket.create_connection((host, int(port))) for _ in range(left)]
        for sock in taken[-left:]:
            sock.sendall(b"PING\r\n")
            assert sock.recv(16) == b"+PONG\r\n"
    with pytest.raises(ConnectionResetError):  # one is left, and a session takes two
        proxy.dial().sock.recv(1)
    assert "files" in proxy.event("dial.failed", node="r1")["reason"]
    assert not proxy.events("upstream.down")
    for sock in taken:
        sock.close()
    proxy.stats_when("the session is gone", lambda s: s["sessions"] == 0)
    dialer = proxy.dial()
    dialer.send(PING)
    dialer.expect(PONG)


def test_an_upstream_that_does_not_answer_is_logged_once(sunder, deaf):
    proxy = sunder(deaf, (), "--connect-timeout", "50ms")
    for dialer in [proxy.dial() for _ in range(20)]:
        dialer.expect_reset()
    assert "timed out" in proxy.event("upstream.down", node="r1")["reason"]
    assert proxy.text().count("ev=upstream") == 1


def test_a_proxy_that_was_stopped_does_not_take_that_for_a_timeout(sunder, upstream):
    """Connected in time, as far as the kernel goes; the proxy hears of it late."""
    server = upstream(backlog=0)
    queue = [socket.create_connection(("127.0.0.1", server.port))]
    proxy = sunder(server, "on client -> r1 when command=NO do latency 1ms for 800ms",
                   "--connect-timeout", "2s")  # so that its timer is due before
    start, dialer = time.monotonic(), proxy.dial()
    proxy.stats_when("the session is known", lambda s: s["sessions"] == 1)
    proxy.process.send_signal(signal.SIGSTOP)
    server.accept()  # now there is room, and the kernel tries again
    end = server.accept()
    wait_until(lambda: time.monotonic() - start > 2.1, "the time is over")
    proxy.process.send_signal(signal.SIGCONT)
    dialer.send(PING)
    end.expect(PING)
    assert not proxy.events("upstream.down")
    for sock in queue:
        sock.close()


def test_who_comes_and_goes_at_the_session_limit_is_served_and_not_logged(sunder,
                                                                         upstream):
    proxy = sunder(upstream().serve(pong), (), "--sessions", "1")
    for _ in range(20):
        dialer = proxy.dial()
        dialer.send(PING)
        dialer.expect(PONG)
        dialer.close()
    assert len(proxy.events("accept.pause")) == 1


def test_sigterm_lets_a_session_finish_and_takes_no_new_one(sunder, upstream):
    server = upstream().serve(pong)
    proxy = sunder(server)
    address, dialer = proxy.address(), proxy.dial()
    dialer.send(PING)
    dialer.expect(PONG)
    proxy.terminate()

    def refused():
        with socket.socket() as sock:
            return sock.connect_ex(address) != 0
    wait_until(refused, "the door is closed")
    dialer.send(PING)
    dialer.expect(PONG)
    dialer.close()
    assert proxy.wait() == 0


def test_sigterm_with_nothing_open_ends_at_once(sunder, upstream):
    proxy = sunder(upstream())
    start = time.monotonic()
    proxy.terminate()
    assert proxy.wait() == 0
    assert time.monotonic() - start < 2


def test_a_storm_of_sigterms_is_an_orderly_end(sunder, upstream):
    """Also when libuv has threads, here for having looked up a name."""
    server = upstream().serve(pong)
    for _ in range(5):
        proxy = sunder(f"localhost:{server.port}")
        dialer = proxy.dial()
        dialer.send(PING)
        dialer.expect(PONG)
        dialer.close()
        while proxy.process.poll() is None:
            proxy.process.send_signal(signal.SIGTERM)
        assert proxy.wait() == 0


def test_a_second_sigterm_does_not_wait_for_a_session_that_stays(pair):
    proxy, dialer, _ = pair()
    proxy.terminate(2)
    assert proxy.wait() == 0
    with pytest.raises((ConnectionResetError, AssertionError)):
        dialer.expect_end()


def test_sigint_ends_it_in_order(pair):
    proxy, dialer, _ = pair()
    proxy.process.send_signal(signal.SIGINT)
    dialer.close()
    assert proxy.wait() == 0


def test_an_upstream_may_be_a_unix_socket(sunder, upstream, tmp_path):
    server = upstream(str(tmp_path / "redis.sock"), socket.AF_UNIX).serve(pong)
    dialer = sunder(server).dial()
    dialer.send(PING)
    dialer.expect(PONG)
    dialer.half_close()
    dialer.expect_end()


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_both_sides_may_be_ipv6(sunder, upstream):
    try:
        server = upstream(("::1", 0), socket.AF_INET6).serve(pong)
    except OSError as e:
        pytest.skip(f"no IPv6 loopback: {e}")
    dialer = sunder(server, listen="[::1]:0").dial()
    dialer.send(PING)
    dialer.expect(PONG)


def test_an_upstream_may_be_a_host_name(sunder, upstream):
    server = upstream().serve(pong)
    dialer = sunder(f"localhost:{server.port}").dial()
    dialer.send(PING)
    dialer.expect(PONG)


def test_a_name_that_does_not_resolve_is_a_reset_for_the_dialer(sunder):
    proxy = sunder("no-such-host.invalid:6379")
    expect_refusal(proxy)
    assert proxy.stats()["refused"] == 1


def test_small_writes_are_not_held_back(pair):
    """Without TCP_NODELAY the second of two waits for the delayed ACK of the first."""
    _, dialer, server = pair()
    request, start = command("SET", "k", "v"), time.monotonic()
    for _ in range(20):
        for piece in (request[:5], request[5:]):
            dialer.send(piece)
            server.expect(piece)
        for piece in (PONG[:2], PONG[2:]):
            server.send(piece)
            dialer.expect(piece)
    assert time.monotonic() - start < 0.4


def test_the_dialer_is_named_by_its_source_address(sunder, upstream):
    server = upstream().serve(pong)
    proxy = sunder(config={
        "nodes": [{"name": "r1", "listen": "127.0.0.1:0", "upstream": server.address}],
        "clients": [{"name": "slow", "sources": ["127.0.3.1"]}],
        "rules": ["on slow -> r1 requests do latency 200ms"]})
    slow, other = proxy.dial(source="127.0.3.1"), proxy.dial()
    for dialer in (slow, other):
        dialer.send(PING)
    other.expect(PONG)
    assert slow.silent(0.05)
    slow.expect(PONG)


def test_one_proxy_serves_many_nodes(sunder, upstream):
    servers = [upstream(), upstream()]
    proxy = sunder(config={"nodes": [
        {"name": f"r{i + 1}", "listen": "127.0.0.1:0", "upstream": s.address}
        for i, s in enumerate(servers)]})
    for node, server in zip(("r1", "r2"), servers):
        dialer = proxy.dial(node)
        dialer.send(node.encode())
        server.accept().expect(node.encode())
