"""Faults on a replication link, against real servers: a replica is as far behind as the
rule says, and not a byte is wrong when it is over."""

import os
import urllib.error

import pytest
from labs import Redis, wait_until
from links import linked, mixed, write
from servers import SERVER

pytestmark = pytest.mark.skipif(SERVER is None, reason="no redis-server")


@pytest.fixture
def pair(tmp_path):
    with linked(tmp_path) as pair:
        pair.follow()
        pair.agree()
        yield pair


def test_lag_counts_the_writes_of_transactions(pair):
    pair.proxy.add("behind: on * -> * do lag commands=10")
    write(pair.master, [("MULTI",), ("INCR", "a"), ("INCR", "b"), ("EXEC",)] * 50)
    wait_until(lambda: pair.replica.do("GET", "a") == "45", "five transactions behind")
    assert pair.replica.do("GET", "b") == "45"
    pair.proxy.remove("behind")
    pair.agree()


def test_hold_at_keeps_the_nth_write_from_the_replica_and_no_other(pair):
    pair.proxy.add("stop: on * -> * do hold-at nth=500")
    write(pair.master, [("SET", f"k{i}", i) for i in range(1, 1001)])
    wait_until(lambda: pair.replica.do("DBSIZE") == 499, "499 have arrived")
    assert pair.replica.do("MGET", "k499", "k500") == ["499", None]
    pair.cut()  # it comes back for the rest, and does not get it
    write(pair.master, [("SET", "after", "it")])
    wait_until(lambda: pair.proxy.view()["held_commands"] == 502, "held again")
    assert pair.replica.do("DBSIZE") == 499
    pair.proxy.remove("stop")
    pair.agree()


def test_hold_at_an_offset_is_exact(pair):
    write(pair.master, [("SET", "k0", "v")])
    first = pair.agree()
    at = first + 107  # after a few commands of 28 bytes, and a part of one
    pair.proxy.add(f"stop: on * -> * do hold-at offset={at}")
    write(pair.master, [("SET", f"k{i}", "v") for i in range(1, 10)])
    wait_until(lambda: pair.proxy.view()["forwarded"] == at, "there it stops")
    wait_until(lambda: pair.offsets()[1] == first + 3 * 28, "the replica has whole ones")
    pair.proxy.remove("stop")
    pair.agree()


def test_conditions_on_phase_and_offset(pair):
    start = pair.agree()
    pair.proxy.add(f"late: on * -> * replies when phase=stream offset>={start + 1} "
                   "do hold")
    write(pair.master, [("SET", "a", 1), ("SET", "b", 2)])
    wait_until(lambda: pair.proxy.view()["held_commands"] == 2, "both begin too late")
    assert pair.proxy.view()["forwarded"] > start  # SELECT began in time
    pair.proxy.remove("late")
    pair.agree()


def begin_slowly(pair, keys):
    """A full sync of so many keys, of which some has come; rule "slow" holds it up."""
    write(pair.master, [("SET", f"k{i}", os.urandom(500).hex()) for i in range(keys)])
    pair.proxy.add("slow: on * -> * replies when phase=rdb do bandwidth 100kb")
    host, port = pair.proxy.at.rsplit(":", 1)
    pair.replica.do("REPLICAOF", host, port)
    wait_until(lambda: int(pair.replica.info("replication").get(
        "master_sync_read_bytes", 0)), "some of it has come")


def test_a_slow_rdb_is_bandwidth_in_its_phase_only(tmp_path):
    with linked(tmp_path) as pair:
        begin_slowly(pair, 300)
        assert pair.proxy.view()["phase"] == "rdb"
        pair.proxy.remove("slow")
        pair.in_sync()
        pair.agree()


def test_a_rule_acts_at_once_on_an_rdb_that_passes_already(tmp_path):
    # With more room it might be here to its end before the rule is, and judged.
    with linked(tmp_path, flags=["--lane-limit", "256kb"]) as pair:
        begin_slowly(pair, 2000)
        first = pair.proxy.call("GET", "/sessions")["sessions"][0]["id"]
        pair.proxy.add("cut: on * -> * replies when phase=rdb first=1 do cut before")
        pair.proxy.remove("slow")
        wait_until(lambda: any(s["id"] > first for s in
                               pair.proxy.call("GET", "/sessions")["sessions"]),
                   "it has been cut, and dials again")
        pair.proxy.remove("cut")
        pair.in_sync()
        pair.agree()


def test_acks_that_are_dropped_leave_the_data_and_take_the_certainty(pair):
    assert pair.master.do("WAIT", 1, 30000) == 1
    pair.proxy.add("deaf: on * -> * do drop-acks")
    with Redis(pair.master.at) as client:
        client.do("SET", "k", "v")
        assert client.do("WAIT", 1, 200) == 0
        wait_until(lambda: pair.replica.do("GET", "k") == "v", "it has it all the same")
        pair.proxy.remove("deaf")
        assert client.do("WAIT", 1, 30000) == 1
    pair.agree()


def test_acks_that_are_late_come_all_the_same(pair):
    pair.proxy.add("late: on * -> * do drop-acks late=300ms")
    with Redis(pair.master.at) as client:
        client.do("SET", "k", "v")
        assert client.do("WAIT", 1, 100) == 0
        assert client.do("WAIT", 1, 30000) == 1


def test_a_replica_that_would_go_on_can_be_made_to_begin_again(pair):
    pair.proxy.add("again: on * -> * do full-resync once")
    write(pair.master, mixed(300))
    pair.agree()
    before = pair.master.info("stats")["sync_partial_err"]
    pair.cut()
    link, stats = pair.proxy.link(), pair.master.info("stats")
    assert (link["full_resyncs"], link["partial_resyncs"]) == (2, 0)
    assert (stats["sync_full"], stats["sync_partial_err"]) == ("2", before)
    pair.agree()
    pair.cut()
    assert pair.proxy.link()["partial_resyncs"] == 1


@pytest.mark.parametrize("diskless", ["no", "yes"])
def test_an_rdb_can_be_cut_at_a_share_of_it(tmp_path, diskless):
    with linked(tmp_path, "--repl-diskless-sync", diskless) as pair:
        write(pair.master, [("SET", f"k{i}", os.urandom(500).hex()) for i in range(300)])
        pair.follow()
        size = pair.proxy.view()["rdb_size"]
        assert size > 300000
        pair.proxy.add("cut: on * -> * do rdb-cut at=50%")
        host, port = pair.proxy.at.rsplit(":", 1)
        pair.replica.do("REPLICAOF", "NO", "ONE")
        pair.replica.do("SET", "a history", "of its own")
        pair.replica.do("REPLICAOF", host, port)
        wait_until(lambda: pair.proxy.call("GET", "/rules")[0]["fired"] > 1, "twice cut")
        assert pair.replica.info("replication")["master_link_status"] == "down"
        pair.proxy.remove("cut")
        pair.in_sync()
        pair.agree()


def test_a_capability_can_be_kept_from_the_master(tmp_path):
    with linked(tmp_path, "--repl-diskless-sync", "yes") as pair:
        pair.proxy.add("veto: on * -> * do veto-capa eof")
        pair.follow()
        view = pair.proxy.view()
        assert not view["diskless"] and view["capabilities"] == "eof,psync2"
        pair.agree()


def digests(pair):
    return [s.do("DEBUG", "DIGEST") for s in (pair.master, pair.replica)]


@pytest.mark.parametrize("fault", ["silent-loss", "flip"])
def test_poison_that_leaves_no_trace_but_in_the_data(pair, fault):
    write(pair.master, mixed(500))
    pair.agree()
    pair.proxy.add(f"poison: on * -> * when poison command=SET do {fault}")
    assert pair.proxy.call("GET", "/rules")[0]["offset_clean"] is True
    write(pair.master, [("SET", f"k{i}", "v" * (i % 130)) for i in range(1, 400)])
    wait_until(lambda: len(set(pair.offsets())) == 1, "the offsets agree")
    pair.proxy.remove("poison")
    assert len(set(digests(pair))) == 2
    assert pair.proxy.view()["offset_clean"]
    pair.cut()
    assert pair.proxy.link()["partial_resyncs"] == 1
    wait_until(lambda: len(set(pair.offsets())) == 1, "the offsets agree")
    assert len(set(digests(pair))) == 2  # a partial resync has not healed it
    pair.proxy.add("again: on * -> * do full-resync once")
    pair.cut()
    pair.agree()


def test_a_transaction_without_its_end_stops_the_replica_and_heals(pair):
    write(pair.master, [("SET", "a", 1)])
    pair.agree()
    pair.proxy.add("poison: on * -> * when poison do swallow-exec")
    write(pair.master, [("MULTI",), ("INCR", "a"), ("SET", "b", 1), ("EXEC",)])
    wait_until(lambda: not pair.proxy.view()["offset_clean"], "it is swallowed")
    write(pair.master, [("SET", f"k{i}", 1) for i in range(100)])
    assert pair.replica.do("MGET", "a", "b", "k1") == ["1", None, None]
    assert pair.replica.info("replication")["master_link_status"] == "up"
    pair.proxy.remove("poison")
    wait_until(lambda: pair.proxy.link() and pair.proxy.link()["partial_resyncs"] == 1,
               "it comes back")
    pair.agree()
    assert pair.replica.do("GET", "a") == "2"


def test_poison_must_be_said(pair):
    for fault in ("silent-loss", "flip", "swallow-exec"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            pair.proxy.add(f"on * -> * do {fault}")
        assert "when poison" in refused.value.read().decode()
