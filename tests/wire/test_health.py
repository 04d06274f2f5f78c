"""The health port, and what a proxy does between SIGTERM and its end."""

import http.client
import time

import pytest

from conftest import DEADLINE, echo, pong, wait_until
from load import Load


def get(proxy, path, method="GET"):
    host, port = proxy.event("health")["address"].rsplit(":", 1)
    c = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=DEADLINE)
    c.request(method, path, headers={"Host": "some-pod.some-cluster"})
    answer = c.getresponse()
    text = answer.read().decode()
    c.close()
    return answer.status, text


HEALTH = ("--health", "127.0.0.1:0")


def test_health_and_metrics_are_served_and_no_verb_is(sunder, upstream):
    proxy = sunder(upstream(), "on client -> r1 do latency 1ms", *HEALTH)
    assert get(proxy, "/livez") == (200, "ok\n")
    assert get(proxy, "/readyz") == (200, "ok\n")
    status, text = get(proxy, "/metrics")
    assert status == 200 and "sunder_" in text
    for method, path in (("GET", "/rules"), ("DELETE", "/rules"), ("POST", "/heal"),
                         ("GET", "/")):
        assert get(proxy, path, method)[0] == 404


def test_it_may_listen_on_every_address_without_a_token(sunder, upstream):
    proxy = sunder(upstream(), (), "--health", "0.0.0.0:0")
    assert get(proxy, "/readyz") == (200, "ok\n")


def test_on_every_address_of_both_families_means_both(sunder, upstream):
    proxy = sunder(upstream(), (), "--health", "[::]:0")
    port = int(proxy.event("health")["address"].rsplit(":", 1)[1])
    for address in ("127.0.0.1", "::1"):
        c = http.client.HTTPConnection(address, port, timeout=DEADLINE)
        c.request("GET", "/readyz")
        assert c.getresponse().status == 200
        c.close()


@pytest.mark.parametrize("rule", ["on * -> * do blackhole", "on * -> * do refuse",
                                  "on * -> * do hang"])
def test_no_fault_makes_it_unready(sunder, upstream, rule):
    proxy = sunder(upstream(), rule, *HEALTH)
    assert get(proxy, "/readyz")[0] == 200
    assert get(proxy, "/livez")[0] == 200


def test_an_upstream_that_is_gone_does_not_make_it_unready(sunder, upstream):
    server = upstream()
    proxy = sunder(server, (), "--when-down", "refuse", *HEALTH)
    server.close()
    try:
        proxy.dial().expect_reset()
    except ConnectionResetError:
        pass  # it came before connect() was back
    proxy.event("listener.down")
    assert get(proxy, "/readyz")[0] == 200
    assert get(proxy, "/livez")[0] == 200


def refused(proxy):
    try:
        proxy.dial().close()
    except ConnectionRefusedError:
        return True
    return False


def test_after_sigterm_it_takes_nobody_new_and_goes_on_for_who_is_there(sunder, upstream):
    proxy = sunder(upstream().serve(pong), "on * -> * replies do latency 1ms",
                   "--drain-timeout", "60s", *HEALTH)
    with Load([proxy.dial() for _ in range(20)]) as load:
        proxy.terminate()
        wait_until(lambda: refused(proxy), "no listener")
        for _ in range(5):
            load.goes_on()
            assert get(proxy, "/readyz") == (503, "draining\n")
            assert get(proxy, "/livez") == (200, "ok\n")
    assert proxy.wait() == 0, "and ends by itself when all have gone"


@pytest.mark.alone
def test_sessions_that_do_not_end_are_ended_after_the_drain_timeout(sunder, upstream):
    proxy = sunder(upstream().serve(echo), (), "--drain-timeout", "700ms", *HEALTH)
    dialer = proxy.dial()
    dialer.send(b"x")
    assert dialer.recv(1) == b"x"
    start = time.monotonic()
    proxy.terminate()
    while time.monotonic() < start + 0.5:
        dialer.send(b"y")
        assert dialer.recv(1) == b"y"
    assert proxy.wait() == 0
    assert 0.7 <= time.monotonic() - start < 5
