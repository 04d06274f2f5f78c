"""netem on the lane that a rule names: delays, losses and the rest, and then nothing."""

import subprocess

import pytest
from conftest import (CUT, FREE, Link, classes, netem, order, ours, two_clients)
from peers import PING, PONG, wait_until

pytestmark = pytest.mark.netem

CONSOLE = ("--console", "127.0.0.1:0")
SLOW = "slow: on cut -> r1 replies do netem delay=30ms"


@pytest.fixture
def start(sunder, servers):
    """start(rules...): a proxy with a session of each of two clients."""
    def begin(*rules):
        server = servers()
        proxy = sunder(None, (), *CONSOLE, config=two_clients(server, *rules))
        return (proxy, server, Link(proxy, server, source=CUT),
                Link(proxy, server, source=FREE))
    return begin


def counter(name):
    """Of the kernel's TCP, in this network: TcpExtTCPSackRecv."""
    out = subprocess.run(["nstat", "-asz", name], check=True, text=True,
                         capture_output=True).stdout
    return int(out.split()[-2])


@pytest.mark.alone
@pytest.mark.parametrize("lane", ["requests", "replies"])
def test_a_delay_is_exact_on_its_lane_and_nothing_on_others(start, lane):
    """Time and again, for a busy machine has faster and slower moments by itself."""
    proxy, _, cut, free = start()
    for _ in range(10):
        before, other = cut.rtt(), free.rtt(40)
        order(proxy, f"RULE ADD slow: on cut -> r1 {lane} do netem delay=30ms")
        late, same = cut.rtt() - before, free.rtt(40)
        order(proxy, "RULE DEL slow")
        after = cut.rtt()
        if abs(late - 30) < 1 and same < other + 0.2 and after < before + 0.2:
            return
    pytest.fail(f"{late:.2f} ms late; others {other:.2f} and then {same:.2f} ms; "
                f"{before:.2f} before and {after:.2f} after")


@pytest.mark.alone
def test_each_lane_has_its_own(start):
    _, _, cut, free = start("on cut -> r1 requests do netem delay=10ms",
                            "on cut -> r1 replies do netem delay=20ms",
                            "on free -> r1 both do netem delay=5ms")
    assert cut.takes(29.5, 34)  # what else goes on comes on top
    assert free.takes(9.5, 14)
    assert sorted(round(q["options"]["delay"]["delay"], 3) for q in netem()) == \
        [0.005, 0.005, 0.01, 0.02]


@pytest.mark.alone
def test_a_delay_is_changed_while_it_acts_and_others_are_not_touched(start):
    proxy, _, cut, free = start(SLOW, "other: on free -> r1 replies do netem delay=10ms")
    cut.exchange()
    quick = free.rtt()
    before = {q["options"]["delay"]["delay"]: q for q in netem()}
    reply = 40 * PONG
    cut.peer.send(reply)  # is under way during the change
    order(proxy, "RULE ADD more: on cut -> r1 replies do netem delay=20ms")
    cut.dialer.expect(reply)
    assert cut.takes(48.5, 51.5)
    assert free.takes(quick - 1, quick + 1)
    after = {q["options"]["delay"]["delay"]: q for q in netem()}
    assert after[0.01]["handle"] == before[0.01]["handle"]
    assert after[0.05]["handle"] == before[0.03]["handle"], "changed, not replaced"
    assert after[0.01]["packets"] > before[0.01]["packets"]
    assert not any(q["drops"] for q in netem())


@pytest.mark.alone
def test_delay_and_rate_are_stacked(start):
    proxy, _, cut, _ = start(SLOW, "narrow: on cut -> r1 replies do rate 8mbit")
    assert cut.takes(29.5, 34)  # what else goes on comes on top
    assert cut.carries(1_000_000, 1e6, 0.05)
    assert len(classes()) == 1 and len(netem()) == 1
    order(proxy, "RULE DEL slow")
    assert cut.takes(0, 5)
    assert not netem() and len(classes()) == 1
    order(proxy, "RULE DEL narrow")
    assert not ours()


@pytest.mark.alone
def test_netem_has_a_rate_of_its_own(start):
    _, _, cut, free = start("on cut -> r1 replies do netem rate=8mbit")
    assert cut.carries(2_000_000, 1e6, 0.03)
    assert free.rate(1_000_000) > 5e6


@pytest.mark.alone
@pytest.mark.parametrize("dist", ["uniform", "normal", "pareto"])
def test_jitter_is_spread_as_told(start, dist):
    rule = f"on cut -> r1 replies do netem delay=20ms jitter=8ms dist={dist}"
    _, _, cut, _ = start(rule)
    times = sorted(cut.exchange() * 1e3 for _ in range(60))
    low, high = times[0], times[-1]  # what else goes on only makes them longer
    if dist == "uniform":  # one jitter and no more
        assert 11.8 < low < 15
    elif dist == "normal":
        assert low < 11.8
    else:  # never far below
        assert low > 15
    assert high > 25


def test_loss_is_seen_in_counters_and_no_byte_is_lost(start):
    _, _, cut, free = start("on cut -> r1 replies do netem delay=1ms loss=20%")
    before = counter("TcpRetransSegs")
    cut.trickle(40)
    assert netem()[0]["drops"] > 0
    lost = counter("TcpRetransSegs")
    assert lost > before
    free.trickle(50)
    assert counter("TcpRetransSegs") == lost, "nothing on other lanes"


def test_duplicates_arrive_and_are_thrown_away(start):
    _, _, cut, _ = start("on cut -> r1 replies do netem duplicate=50%")
    before = counter("TcpExtTCPDSACKRecv")
    cut.trickle(40)
    assert counter("TcpExtTCPDSACKRecv") > before + 5


def test_reordered_packets_overtake(start):
    _, _, cut, _ = start("on cut -> r1 replies do netem delay=20ms reorder=50%")
    before = counter("TcpExtTCPOFOQueue")
    cut.trickle(40)
    assert counter("TcpExtTCPOFOQueue") > before


def test_corrupt_packets_fail_their_checksum(start):
    _, _, cut, _ = start("on cut -> r1 replies do netem delay=1ms corrupt=40%")
    before = counter("TcpInCsumErrors")
    cut.trickle(40)
    assert counter("TcpInCsumErrors") > before


def test_what_is_beyond_the_limit_is_lost(start):
    _, _, cut, _ = start("on cut -> r1 replies do netem delay=50ms limit=2")
    cut.trickle(20)
    assert netem()[0]["drops"] > 0


@pytest.mark.parametrize("how", ["the rule is removed", "its time is over", "SIGTERM",
                                 "kill -9"])
def test_it_is_undone_when(how, start, sunder, servers):
    proxy, _, cut, _ = start("slow: on cut -> r1 replies do netem delay=30ms loss=1% "
                             "for " + ("1s" if how == "its time is over" else "1h"))
    assert netem()
    cut.dialer.send(PING)
    cut.peer.expect(PING)
    if how == "the rule is removed":
        order(proxy, "RULE DEL slow")
    elif how == "its time is over":
        wait_until(lambda: not ours(), "the default qdisc is back")
    elif how == "SIGTERM":
        proxy.terminate()
        wait_until(lambda: not ours(), "the default qdisc is back")
    else:
        proxy.process.kill()
        proxy.wait()
        proxy.may_end_with = proxy.process.returncode
        assert netem(), "or this test shows nothing"
        second = sunder(servers())
        second.event("host.clean", device="lo")
    assert not ours() and not netem()
    if how != "kill -9":
        cut.peer.send(PONG)
        cut.dialer.expect(PONG)
    if how == "SIGTERM":
        proxy.terminate()
        assert proxy.wait() == 0
