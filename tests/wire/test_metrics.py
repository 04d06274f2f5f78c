"""/metrics: what it says is what has happened, while it happens."""

import re

import pytest

from conftest import PING, PONG, command, wait_until
from test_api import Api


class Metrics:
    """The page, read as Prometheus does: {name{labels}: value}, and each well formed."""

    LINE = re.compile(r'^([a-z_]+)(\{(?:[a-z_]+="[^"\\\n]*",?)*\})? (-?[0-9.e+-]+)$')

    def __init__(self, api):
        self.api = api

    def read(self):
        status, text, _ = self.api.raw("GET", "/metrics")
        assert status == 200 and text.endswith("\n")
        values, typed = {}, set()
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                assert line.split()[2] not in typed, line
                typed.add(line.split()[2])
            elif not line.startswith("#"):
                name, labels, value = self.LINE.match(line).groups()
                assert re.sub("_(bucket|sum|count)$", "", name) in typed or name in typed
                assert name + (labels or "") not in values, line
                values[name + (labels or "")] = float(value)
        return values


@pytest.fixture
def measured(sunder, upstream):
    """measured(rules...): (metrics, proxy, dialer, server end)."""
    def start(*rules, **kwargs):
        server = upstream()
        proxy = sunder(server, rules, "--api", "127.0.0.1:0", **kwargs)
        dialer = proxy.dial()
        return Metrics(Api(proxy)), proxy, dialer, server.accept()
    return start


LINK = 'from="client",to="r1"'


def test_traffic_and_roles_are_counted_while_sessions_live(measured):
    metrics, _, dialer, peer = measured()
    for n in range(1, 4):
        dialer.send(PING)
        peer.expect(PING)
        peer.send(PONG)
        dialer.expect(PONG)
        now = metrics.read()
        assert now[f'sunder_link_bytes_total{{{LINK},lane="requests"}}'] == n * len(PING)
        assert now[f'sunder_link_bytes_total{{{LINK},lane="replies"}}'] == n * len(PONG)
        assert now['sunder_frames_total{lane="requests"}'] == n
    assert now[f'sunder_role_sessions{{{LINK},role="client"}}'] == 1
    dialer.send(command("SUBSCRIBE", "news"))
    peer.recv(10)
    assert metrics.read()[f'sunder_role_sessions{{{LINK},role="pubsub"}}'] == 1
    peer.reset()
    dialer.expect_reset()
    wait_until(lambda: metrics.read()["sunder_sessions"] == 0, "the session is gone")
    assert not [k for k in metrics.read() if k.startswith("sunder_role_sessions")]


def test_decisions_are_counted_by_rule_and_stay_with_their_fault(measured):
    metrics, _, dialer, peer = measured("slow: on client -> r1 requests do latency 1us")
    for _ in range(5):
        dialer.send(PING)
        peer.expect(PING)
    now = metrics.read()
    assert now['sunder_rule_fired_total{rule="slow",fault="latency"}'] == 5
    assert now['sunder_fault_decisions_total{fault="latency"}'] == 5
    assert now["sunder_decisions_total"] == 5
    metrics.api.ask("DELETE", "/rules/slow")
    now = metrics.read()
    assert 'sunder_rule_fired_total{rule="slow",fault="latency"}' not in now
    assert now['sunder_fault_decisions_total{fault="latency"}'] == 5


def test_what_is_held_paused_and_not_understood_is_shown(measured):
    metrics, _, dialer, peer = measured("held: on client -> r1 requests do hang")
    dialer.send(PING)
    wait_until(lambda: metrics.read()["sunder_held_bytes"] > 0, "it is held")
    metrics.api.ask("DELETE", "/rules/held")
    peer.expect(PING)
    wait_until(lambda: metrics.read()["sunder_held_bytes"] == 0, "it is let go")
    peer.fill()
    wait_until(lambda: metrics.read()["sunder_paused_seconds_total"] > 0 or
               metrics.read()["sunder_pauses_total"] > 0, "reading has stopped")
    assert metrics.read()["sunder_opaque_lanes_total"] == 1
    dialer.reset()


def test_the_loop_tells_how_long_it_is_busy(measured):
    metrics, _, dialer, peer = measured()
    before = metrics.read()
    for _ in range(50):
        dialer.send(PING)
        peer.expect(PING)
    now = metrics.read()
    buckets = [v for k, v in now.items() if "loop_busy_seconds_bucket" in k]
    assert buckets == sorted(buckets) and len(buckets) == 6
    assert buckets[-1] == now["sunder_loop_busy_seconds_count"]
    assert buckets[-1] >= before["sunder_loop_busy_seconds_count"] + 50
    busy = now["sunder_loop_busy_seconds_sum"] - before["sunder_loop_busy_seconds_sum"]
    assert 0 < busy < 10 and now["sunder_loop_busy_longest_seconds"] > 0


def test_thousands_of_rules_do_not_make_thousands_of_series(measured):
    metrics, *_ = measured()
    many = "\n".join(f"x{i}: on r1 -> r1 do latency 1us" for i in range(1020))
    assert metrics.api.raw("PUT", "/plan", many)[0] == 200
    for i in range(50):
        metrics.api.ask("POST", "/rules", f"y{i}: on r1 -> r1 do latency 1us")
    now = metrics.read()
    assert now["sunder_rules"] == 1070
    assert len([k for k in now if k.startswith("sunder_rule_fired_total")]) == 1000
