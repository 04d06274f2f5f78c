"""What `sunder probe stale` measures, against real servers."""

import json
import os
import resource
import select
import signal
import subprocess
import time

import pytest
from labs import DEADLINE, SUNDER, sunder, wait_until
from probes import Started, arguments, one, probe, trio  # noqa: F401 (fixtures)
from proxies import Proxy
from servers import SERVER, Scripted, delay_line, free_port, servers

pytestmark = pytest.mark.skipif(not SERVER, reason="no redis-server")

MEMBERS = set("probe run write read pairs ops wait seconds throughput writes reads "
              "behind age_ms settle_ms ages errors assertions".split())


# A plain run.

def test_every_operation_is_accounted_for(trio):
    master, r2, r3 = trio
    d = probe(master.url, f"{r2.url},{r3.url}", pairs=10, ops=200)
    assert MEMBERS <= d.keys()
    assert (d["probe"], d["pairs"], d["ops"], d["wait"]) == ("stale", 10, 200, 0)
    assert d["write"] == master.url and d["read"] == [r2.url, r3.url]
    assert d["writes"]["acknowledged"] == d["reads"]["total"] == 2000
    assert d["writes"]["failed"] == d["writes"]["indeterminate"] == 0
    assert d["errors"] == {}
    assert [n["reads"] for n in d["nodes"]] == [1000, 1000]
    reads = d["reads"]
    assert reads["future"] == reads["not_monotonic"] == reads["failed"] == 0
    assert reads["low"] <= reads["rate"] <= reads["high"]
    assert reads["rate"] == pytest.approx(reads["stale"] / 2000)
    assert reads["not_own"] == reads["stale"]
    for latency in (d["writes"]["latency_ms"], reads["latency_ms"]):
        assert 0 < latency["p50"] <= latency["p99"] <= latency["p999"] <= latency["max"]
    assert d["throughput"] == pytest.approx(2000 / d["seconds"])


def test_a_master_never_gives_its_own_writers_a_stale_read(trio):
    master = trio[0]
    d = probe(master.url, master.url, "--settle", "10%", pairs=20)
    assert d["reads"]["total"] == 2000 and d["reads"]["stale"] == 0
    assert d["behind"]["max"] is None
    assert 150 < d["settle_ms"]["samples"] < 250
    assert d["settle_ms"]["unsettled"] == 0


def test_wait_for_every_replica_is_the_remedy(trio):
    master, r2, r3 = trio
    d = probe(master.url, f"{r2.url},{r3.url}", "--wait", "2", "--wait-timeout", "20s",
              "--timeout", "20s", "--assert", "stale==0", pairs=20)
    assert d["reads"]["total"] == 2000
    assert d["reads"]["stale"] == d["writes"]["wait_short"] == 0


def test_a_wait_that_falls_short_is_counted_and_the_read_still_judged(one, tmp_path):
    path = tmp_path / "history.jsonl"
    d = probe(one.url, one.url, "--wait", "1", "--wait-timeout", "1ms", "--settle",
              "0%", "--history", str(path), pairs=2, ops=5)
    deeds = [json.loads(line) for line in path.read_text().splitlines()]
    first = [e["op"] for e in deeds if e["client"] == "client_0"]
    assert first == ["set", "wait", "get"] * 5
    assert {e["value"] for e in deeds if e["op"] == "wait"} == {0}
    assert d["writes"]["wait_short"] == d["reads"]["total"] == 10
    assert d["writes"]["acknowledged"] == 10 and d["wait"] == 1


def test_a_replica_that_gets_nothing_is_stale_for_good(tmp_path):
    with servers(tmp_path, (), ()) as (master, orphan):
        d = probe(master.url, orphan.url, "--settle-limit", "100ms", "--settle", "100%",
                  pairs=4, ops=50)
    assert d["reads"]["total"] == d["reads"]["stale"] == d["reads"]["not_own"] == 200
    assert d["reads"]["rate"] == 1.0 and d["reads"]["high"] == 1.0
    assert d["behind"]["max"] == 50 and d["behind"]["p50"] in (25, 26)
    assert d["settle_ms"]["unsettled"] == 4  # once a pair, and not at every write
    assert d["settle_ms"]["samples"] == 0 and d["settle_ms"]["p50"] is None
    assert d["age_ms"]["max"] >= 100  # the first write has been there that long


def test_one_bad_replica_of_two_is_told_apart(tmp_path, trio):
    master = trio[0]
    with servers(tmp_path, ()) as (orphan,):
        d = probe(master.url, f"{master.url},{orphan.url}", "--settle", "0%", pairs=4)
    assert [(n["reads"], n["stale"]) for n in d["nodes"]] == [(200, 0), (200, 200)]


def test_a_value_nobody_wrote_is_from_the_future(one):
    with Started(one.url, one.url, "--ages", "40ms", pairs=1, ops=30) as run:
        run.until_it_writes(one)
        while run.process.poll() is None:
            for key in one.keys():
                one.do("SET", key, "999999", "XX")
        d, _ = run.result()
    assert d["reads"]["total"] == 30
    assert d["reads"]["future"] > 10


def test_values_can_have_a_size(one):
    with Started(one.url, one.url, "--value-size", "10kb", "--rate", "100", pairs=2,
                 ops=50) as run:
        key = run.until_it_writes(one) and one.keys()[0]
        assert one.do("STRLEN", key) == 10240
        d, _ = run.result()
    assert d["reads"]["total"] == 100
    assert d["reads"]["stale"] == d["reads"]["future"] == 0


def test_it_says_what_the_kernel_knows_of_its_connections(one):
    d = probe(one.url, one.url, pairs=3, ops=20)
    assert d["sockets"]["connections"] == 6
    assert 0 < d["sockets"]["rtt_ms"] <= d["sockets"]["rtt_max_ms"] < 1000


@pytest.mark.skipif(os.geteuid() != 0, reason="newer kernels ask root for it")
def test_packets_that_were_lost_are_told(one):
    with Proxy(one.at, "on client -> r1 requests do loss 20%") as proxy:
        url = f"redis://{proxy.at}"
        d = probe(url, url, "--timeout", "20s", pairs=3, ops=30)
    assert d["sockets"]["retransmits"] > 0 and d["reads"]["total"] == 90


# Time.

@pytest.mark.alone
def test_settling_and_age_show_the_delay_that_was_injected(tmp_path):
    with servers(tmp_path, (), ()) as (master, replica), \
            delay_line(master.port, 0.05) as slow:
        replica.follow(int(slow.at.rsplit(":", 1)[1]))
        d = probe(master.url, replica.url, "--settle", "50%", pairs=5, ops=40)
        assert d["reads"]["rate"] > 0.95
        assert 49 < d["settle_ms"]["p50"] < 80
        d = probe(master.url, replica.url, "--ages", "100ms", "--settle", "0%", pairs=20,
                  ops=40)
    by_age = d["ages"]
    assert len(by_age) == 100 and by_age[99]["ms"] == pytest.approx(99)
    assert sum(b["reads"] for b in by_age) <= 800
    young = [b for b in by_age if b["ms"] < 40]
    assert sum(b["stale"] for b in young) >= 0.98 * sum(b["reads"] for b in young) > 0
    assert 45 < d["fresh_from_ms"]["p50"] < 80


def test_a_rate_is_kept_and_a_stall_is_felt_by_all_that_were_due(one):
    with Started(one.url, one.url, "--rate", "400", "--timeout", "10s", pairs=4,
                 ops=200) as run:
        run.until_it_writes(one)
        assert one.do("CLIENT", "PAUSE", "500", "ALL") == "OK"
        d, _ = run.result()
    assert d["reads"]["total"] == 800
    assert d["seconds"] > 1.99
    # A closed loop would have had four slow writes of 800.
    assert d["writes"]["latency_ms"]["p99"] > 300
    assert d["writes"]["latency_ms"]["max"] < 5000


def test_a_run_can_be_bounded_in_time(one):
    d = probe(one.url, one.url, "--duration", "300ms", ops=10**9)
    assert 0.3 <= d["seconds"] < 5
    assert 0 < d["reads"]["total"] < 10**9
    assert one.keys() == []


# Failures are counted, by kind.

def test_writing_to_a_replica_is_readonly_and_no_success(trio):
    _, r2, r3 = trio
    d = probe(r2.url, r3.url, expect=3, pairs=4, ops=10)
    assert d["errors"] == {"READONLY": 40}
    assert d["writes"]["failed"] == 40
    assert d["writes"]["acknowledged"] == d["reads"]["total"] == 0
    done = sunder(*arguments(r2.url, r3.url, pairs=1, ops=1))
    assert "READONLY" in done.stderr and "master" in done.stderr


@pytest.mark.parametrize("config, kind", [
    (("--maxmemory", "1", "--maxmemory-policy", "noeviction"), "OOM"),
    (("--min-replicas-to-write", "1"), "NOREPLICAS"),
    (("--requirepass", "x"), "NOAUTH"),
])
def test_refused_writes_have_their_kind(tmp_path, config, kind):
    with servers(tmp_path, config) as (server,):
        d = probe(server.url, server.url, expect=3, pairs=2, ops=5)
    assert d["errors"] == {kind: 10} and d["writes"]["failed"] == 10


def test_refused_reads_have_their_kind_and_are_not_judged(tmp_path, one):
    lost = ("--replica-serve-stale-data", "no",
            "--replicaof", "127.0.0.1", str(free_port()))
    with servers(tmp_path, lost) as (replica,):
        d = probe(one.url, f"{one.url},{replica.url}", pairs=2, ops=10)
    assert d["errors"] == {"MASTERDOWN": 10}
    assert d["reads"]["failed"] == d["reads"]["total"] == 10


def test_a_master_that_dies_ends_neither_the_run_nor_its_count(tmp_path, one):
    with servers(tmp_path, ()) as (master,):
        with Started(master.url, one.url, "--rate", "100", "--duration", "1500ms",
                     pairs=4, ops=1000) as run:
            run.until_it_writes(master)
            master.end()
            d, err = run.result()
    w = d["writes"]
    assert w["acknowledged"] > 0 and w["failed"] > 0
    assert d["errors"]["refused"] > 0
    # Once a connection, however much was lost with it.
    assert d["errors"].get("eof", 0) + d["errors"].get("reset", 0) == 4
    assert d["keys_left"] > 0 and f"k:{d['run']}:" in err


def test_connections_that_are_killed_come_back(one):
    with Started(one.url, one.url, "--rate", "200", pairs=5, ops=80) as run:
        run.until_it_writes(one)
        one.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        d, _ = run.result()
    w, r = d["writes"], d["reads"]
    assert d["errors"].get("eof", 0) + d["errors"].get("reset", 0) == 10
    assert w["acknowledged"] + w["failed"] + w["indeterminate"] == 400
    assert w["acknowledged"] == r["total"] + r["failed"] > 350
    assert r["stale"] == r["future"] == 0
    assert one.keys() == []


def test_a_server_that_hangs_leaves_writes_indeterminate_and_nobody_accused(one):
    with Started(one.url, one.url, "--rate", "200", "--timeout", "100ms", pairs=4,
                 ops=150) as run:
        run.until_it_writes(one)
        one.signal(signal.SIGSTOP)
        try:  # hung until at least the writers have given up
            before = time.monotonic()
            wait_until(lambda: time.monotonic() > before + 0.6, "six timeouts")
        finally:
            one.signal(signal.SIGCONT)
        d, _ = run.result()
    assert d["writes"]["indeterminate"] + d["reads"]["failed"] >= 4
    assert d["errors"]["timeout"] >= 4
    # Its kernel kept the requests: they were carried out late, and may be seen.
    assert d["reads"]["stale"] == d["reads"]["future"] == 0
    assert d["reads"]["total"] > 100


def test_an_answer_that_nobody_asked_for_ends_a_connection_and_no_more(one):
    def twice(s):
        while s.recv(4096):
            s.sendall(b"+OK\r\n+OK\r\n")

    with Scripted(twice) as babbler:
        d = probe(babbler.at, one.url, pairs=2, ops=5)
    assert d["writes"]["acknowledged"] == d["reads"]["stale"] == 10
    assert d["errors"]["protocol"] >= 10


@pytest.mark.parametrize("reply", [b"$5\r\n1\r\n", b"%1\r\n", b"?\r\n", b"*-7\r\n",
                                   b"$99999999999999999999\r\n", b"\0" * 64])
def test_nonsense_for_an_answer_is_counted(one, reply):
    def serve(s):
        while said := s.recv(4096):
            s.sendall(b"+PONG\r\n" if b"PING" in said else reply)

    with Scripted(serve) as mad:
        d = probe(one.url, mad.at, "--timeout", "300ms", expect=3, pairs=2,
                  ops=3)
    assert d["reads"]["failed"] == 6 and d["reads"]["total"] == 0
    assert sum(d["errors"].values()) >= 6


@pytest.mark.parametrize("reply", [b"+OK\r\n", b":5\r\n", b"*1\r\n$1\r\n1\r\n",
                                   b"$2\r\n5x\r\n", b"$0\r\n\r\n", b"$2\r\n-1\r\n"])
def test_a_wrong_answer_is_a_value_nobody_wrote(one, reply):
    def serve(s):
        while s.recv(4096):
            s.sendall(reply)

    with Scripted(serve) as liar:
        d = probe(one.url, liar.at, pairs=2, ops=3)
    assert d["reads"]["total"] == d["reads"]["future"] == 6
    assert d["reads"]["stale"] == 0


# Nobody there.

def test_no_server_is_told_in_one_line_in_seconds(one):
    nobody = f"127.0.0.1:{free_port()}"
    for write, read in ((nobody, one.url), (one.url, nobody)):
        begun = time.monotonic()
        done = sunder(*arguments(write, read, "-o", "json"))
        assert done.returncode == 3 and done.stdout == ""
        lines = done.stderr.splitlines()
        assert len(lines) == 2 and lines[1].startswith("hint: ")
        assert nobody in lines[0] and "refused" in lines[0]
        assert time.monotonic() - begun < 10
    assert one.keys() == []


def test_one_replica_of_two_may_be_missing(one):
    nobody = f"127.0.0.1:{free_port()}"
    d = probe(one.url, f"{one.url},{nobody}", pairs=2, ops=5)
    assert d["reads"]["total"] == 5 and d["reads"]["failed"] == 5
    assert d["errors"]["refused"] >= 5


def test_a_server_that_never_answers_is_told_apart_from_none():
    with Scripted(lambda s: s.recv(1) and select.select([], [], [])) as deaf:
        done = sunder("hello", "--timeout", "200ms", deaf.at)
        assert done.returncode == 3 and "no answer in time" in done.stderr
        done = sunder(*arguments(deaf.at, deaf.at, "--timeout", "200ms"))
    assert done.returncode == 3 and "no answer in time" in done.stderr


def test_too_few_files_are_told_before_anything_starts(one):
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
    done = subprocess.run([SUNDER, *arguments(one.url, one.url, pairs=100)], text=True,
                          capture_output=True, preexec_fn=limit, timeout=DEADLINE)
    assert done.returncode == 3 and "ulimit -n" in done.stderr
