"""A delay is never early, hardly late, and costs no throughput."""

import ctypes
import socket
import statistics
import struct
import time

import pytest
from conftest import PING, PONG, SANITIZED, pong

pytestmark = pytest.mark.alone
LATE = 100  # us, at the median, beyond the same round trip without a delay
PR_SET_TIMERSLACK = 29
TRIES = 10  # the machine may be busy; a proxy that is late always is late in each
SO_TIMESTAMPNS = 35  # Linux; Python has no name for it


def leg(source, target, data):
    """How long a message takes from one end to the other, in us.

    The kernel notes when it arrives, so what this process needs to wake does not count.
    """
    start = time.clock_gettime_ns(time.CLOCK_REALTIME)
    source.sock.send(data)
    got, notes, *_ = target.sock.recvmsg(len(data), 64)
    assert got == data
    if not notes:  # it begins with that a little later than it is asked to
        return leg(source, target, data)
    seconds, ns = struct.unpack("qq", notes[0][2])
    return (seconds * 1_000_000_000 + ns - start) / 1000


def trip(dialer, server):
    return leg(dialer, server, PING) + leg(server, dialer, PONG)


def overslept(delay_us):
    """How late this machine ends a sleep that ought to end to the nanosecond, in us."""
    start = time.monotonic_ns()
    time.sleep(delay_us / 1e6)
    return (time.monotonic_ns() - start) / 1000 - delay_us


def late(pair, rules, delay_us, n, *flags):
    """(the earliest, the median) of a delayed round trip beyond its delay, and the median
    of how late a sleep of the same length ends, in us.

    Off the first median goes a round trip without a rule, taken in turn with the other.
    It comes after a pause as long as the delay, because a proxy whose processor has slept
    takes longer, whatever woke it.
    """
    plain, delayed = pair()[1:], pair(rules, *flags)[1:]
    for peer in plain + delayed:
        peer.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1)
    base, times, sleeps = [], [], []
    for _ in range(n):
        sleeps.append(overslept(delay_us))
        base.append(trip(*plain))
        times.append(trip(*delayed))
    return min(times) - delay_us, \
        statistics.median(times) - delay_us - statistics.median(base), \
        statistics.median(sleeps)


def check(pair, rules, delay_us, n, *flags, allowed=LATE, machine=1):
    """Not later than allowed, but for what the machine's own timers are late."""
    seen = []
    for _ in range(TRIES):
        earliest, median, sleep = late(pair, rules, delay_us, n, *flags)
        assert earliest >= 0, f"{-earliest:.0f} us early"
        if median < allowed + machine * sleep:
            return
        seen.append(f"{median:.0f} us late where a sleep is {sleep:.0f} us late")
    assert SANITIZED, f"at the median of each run: {seen}"


@pytest.mark.parametrize("lane", ["requests", "replies"])
@pytest.mark.parametrize("delay, n", [("0.25ms", 400), ("1ms", 300), ("5ms", 100),
                                      ("50ms", 20)])
def test_a_delay_is_never_early_and_hardly_late(pair, lane, delay, n):
    us = float(delay[:-2]) * 1000
    check(pair, f"on * -> r1 {lane} do latency {delay}", us, n)


def test_precise_is_hardly_late_at_all(pair):
    check(pair, "on * -> r1 requests do latency 1ms", 1000, 300, "--precise",
          allowed=10, machine=0)


def test_delays_of_both_lanes_add_up(pair):
    check(pair, "on * -> r1 both do latency 2ms", 4000, 100,
          allowed=2 * LATE, machine=2)


def test_a_pipeline_is_delayed_once_not_a_request_at_a_time(sunder, upstream):
    server = upstream().serve(pong)
    dialer = sunder(server, "on * -> r1 requests do latency 50ms").dial()
    best = 1e9
    for _ in range(TRIES):
        start = time.monotonic()
        dialer.send(PING * 64)
        dialer.expect(PONG)
        first = time.monotonic() - start
        dialer.expect(PONG * 63)
        assert first >= 0.050
        best = min(best, time.monotonic() - start)
    assert best < 0.5, "64 delays of 50 ms one after another are 3.2 s"


def test_each_request_of_a_paced_stream_waits_its_own_delay(sunder, upstream):
    """One every millisecond under 20 ms: twenty are under way at any time."""
    server = upstream().serve(pong)
    dialer = sunder(server, "on * -> r1 requests do latency 20ms").dial()
    sent, took = [], []
    dialer.sock.setblocking(False)
    start, got = time.monotonic(), 0
    while got < 200:
        if len(sent) < 200 and time.monotonic() >= start + len(sent) * 0.001:
            sent.append(time.monotonic())
            dialer.sock.send(PING)
        try:
            for _ in range(len(dialer.sock.recv(4096)) // len(PONG)):
                took.append(time.monotonic() - sent[got])
                got += 1
        except BlockingIOError:
            pass
    assert min(took) >= 0.020
    assert statistics.median(took) < 0.2, "one after another they would take seconds"


def test_a_normal_jitter_spreads_as_said(pair):
    _, dialer, server = pair("on * -> r1 requests do latency 10ms jitter=2ms dist=normal",
                             "--seed", 1)
    for peer in (dialer, server):
        peer.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    seen = []
    for _ in range(TRIES):
        times = sorted(trip(dialer, server) / 1000 for _ in range(200))
        seen.append((times[100], (times[168] - times[32]) / 2))  # 68 % lie in between
        if 9.5 < seen[-1][0] < 11.5 and 1.4 < seen[-1][1] < 2.8:
            return
    assert SANITIZED, f"medians and deviations: {seen}"
