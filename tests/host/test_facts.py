"""What the kernel knows of the sockets of a session, on the list and in /metrics."""

import json
import re
import urllib.request

import pytest
from conftest import CUT, Link, classes, two_clients
from peers import DEADLINE, wait_until


@pytest.fixture
def start(sunder, servers):
    """start(rules...): the proxy, a session of a client, and what GET of a path says."""
    def begin(*rules):
        server = servers()
        config = two_clients(server, *rules)
        proxy = sunder(None, (), "--api", "127.0.0.1:0", config=config)

        def get(path):
            url = "http://" + proxy.event("api")["address"] + path
            with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
                return answer.read().decode()
        return proxy, Link(proxy, server, source=CUT), get
    return begin


def socket_of(get, side):
    return json.loads(get("/sessions"))["sessions"][0][side]


def metric(get, name, peer):
    found = re.search(r'^sunder_link_%s\{from="cut",to="r1",peer="%s"\} (\d+)$' %
                      (name, peer), get("/metrics"), re.M)
    return int(found[1])


def test_the_session_list_has_tcp_and_the_class_of_each_socket(start):
    _, cut, get = start("on cut -> r1 replies do rate 8mbit")
    cut.exchange()
    dialer, dialed = socket_of(get, "dialer"), socket_of(get, "dialed")
    assert dialer["cwnd"] > 0 and dialer["rtt_us"] > 0 and dialer["retransmits"] == 0
    assert dialer["class"] in classes() and dialed["class"] is None


def test_what_waits_in_the_kernel_is_seen_as_not_acknowledged(start):
    _, cut, get = start("on cut -> r1 replies do rate 80kbit")
    cut.peer.send(bytes(100_000))
    wait_until(lambda: socket_of(get, "dialer")["unacked"] > 0, "segments under way")
    assert metric(get, "unacked_segments", "dialer") > 0
    assert metric(get, "unacked_segments", "dialed") == 0


@pytest.mark.netem
def test_losses_are_counted_by_link_and_outlive_their_session(start):
    _, cut, get = start("on cut -> r1 replies do netem delay=20ms loss=20%")
    cut.trickle(50)
    lost = metric(get, "retransmits_total", "dialer")
    assert lost > 0 and metric(get, "retransmits_total", "dialed") == 0
    assert socket_of(get, "dialer")["retransmits"] > 0
    assert 18_000 < metric(get, "rtt_microseconds", "dialer")
    assert metric(get, "rtt_microseconds", "dialed") < 18_000
    cut.close()
    wait_until(lambda: not json.loads(get("/sessions"))["sessions"], "it ends")
    assert metric(get, "retransmits_total", "dialer") >= lost
    assert metric(get, "rtt_microseconds", "dialer") == 0
