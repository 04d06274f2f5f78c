"""How `sunder probe stale` is told what to do, tells what it saw, and ends."""

import collections
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from labs import DEADLINE, SUNDER, Redis, sunder, wait_until
from probes import Started, arguments, one, probe, trio  # noqa: F401 (fixtures)
from servers import SERVER, servers

pytestmark = pytest.mark.skipif(not SERVER, reason="no redis-server")


# Claims and words.

def test_claims_set_the_exit_code(one):
    met = probe(one.url, one.url, "--assert", "stale<=0.1%", "--assert", "write.p99<1m")
    assert [a["met"] for a in met["assertions"]] == [True, True]
    unmet = probe(one.url, one.url, "--assert", "stale<=0.1%",
                  "--assert", "write.p99<1ns", expect=1)
    assert [(a["text"], a["met"]) for a in unmet["assertions"]] == [
        ("stale<=0.1%", True), ("write.p99<1ns", False)]
    assert unmet["assertions"][1]["value"] > 0
    quiet = sunder(*arguments(one.url, one.url, "--quiet", "--assert", "reads==7"))
    assert (quiet.returncode, quiet.stdout) == (1, "")
    assert "reads==7" in quiet.stderr


@pytest.mark.parametrize("words, said", [
    (["--assert", "stall<=1%"], "did you mean 'stale'"),
    (["--assert", "stale<="], "0.1%"),
    (["--pairs", "0"], "--pairs"),
    (["--ops", "0"], "--ops"),
    (["--wait", "1", "--wait-timeout", "0"], "--wait-timeout"),
    (["--timeout", "0"], "--timeout"),
    (["--settle", "101%"], "--settle"),
    (["--source", "nowhere"], "'nowhere'"),
    (["--source", "127.0.0.0/8"], "'127.0.0.0/8'"),
    (["-o", "xml"], "text or json"),
    (["--write", "redis://:hunter2@h:port"], "port"),
    (["--read", "127.0.0.1:1,,"], "--read"),
    (["surplus"], "surplus"),
    (["--asert", "stale==0"], "--assert"),
])
def test_wrong_words_end_it_before_it_starts(one, words, said):
    done = sunder(*arguments(one.url, one.url), *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("sunder probe stale: ")
    assert said in done.stderr and "hint: " in done.stderr
    assert "hunter2" not in done.stderr
    assert one.info("stats")["total_connections_received"] in "12"  # both ours


def test_urls_come_from_the_environment(one):
    done = sunder("probe", "stale", "--pairs", "1", "--ops", "1", "-o", "json",
                  env={"URL_M": one.url, "URL_R": one.at})
    assert json.loads(done.stdout)["read"] == [one.url]
    done = sunder("probe", "stale", env={"URL_M": one.url, "URL_R": ""})
    assert done.returncode == 2 and "URL_R" in done.stderr


def test_help_lists_the_probes_and_has_an_example():
    for words in (["probe", "--help"], ["probe", "stale", "--help"], ["hello", "--help"]):
        done = sunder(*words)
        assert (done.returncode, done.stderr) == (0, "")
        assert "example:\n  sunder " in done.stdout
    assert "stale" in sunder("probe", "--help").stdout
    assert sunder("probe").returncode == 2
    done = sunder("probe", "stael")
    assert done.returncode == 2 and "did you mean 'stale'" in done.stderr


# Output.

def test_the_lines_are_those_of_the_tutorial(tmp_path):
    with servers(tmp_path, (), ()) as (master, orphan):
        done = sunder(*arguments(master.url, f"{master.url},{orphan.url}", "--lines",
                                 "--settle", "0%", pairs=2, ops=3))
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert [l for l in lines if l.startswith("Wrong")] == [
        f"Wrong value: client_1 got: 0 expected: {n}" for n in (1, 2, 3)]
    assert sorted(l for l in lines if l.startswith("Done")) == [
        "Done: client_0 total_reads: 3 stale_reads: 0 error_rate: 0.0",
        "Done: client_1 total_reads: 3 stale_reads: 3 error_rate: 1.0"]
    assert lines[-1] == "2 clients all done"
    assert len(lines) == 6


def test_the_table_is_for_people(trio):
    master, r2, r3 = trio
    done = sunder(*arguments(master.url, f"{r2.url},{r3.url}", "--wait", "2", "--ages",
                             "3ms", "--assert", "stale==0"))
    assert done.returncode in (0, 1) and done.stderr == ""
    for said in ("5 pairs, 100 operations each, WAIT 2", "reads                     500",
                 "95% interval", "settled after", "write latency", "age of write",
                 "of reads fresh", "met  stale==0"):
        assert said in done.stdout


def drawn_on(terminal, columns, one):
    """What a run of 60 reads writes to a terminal so wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    done = subprocess.run([SUNDER, *arguments(one.url, one.url, "--rate", "100", "-o",
                                              "json", pairs=1, ops=60)],
                          stdout=subprocess.PIPE, stderr=theirs, timeout=DEADLINE,
                          env={**os.environ, "NO_COLOR": "1", "TERM": terminal})
    os.close(theirs)
    drawn = b""
    while select.select([ours], [], [], 0)[0]:
        try:
            drawn += os.read(ours, 65536)
        except OSError:
            break
    os.close(ours)
    assert json.loads(done.stdout)["reads"]["total"] == 60
    return drawn


def test_progress_is_drawn_on_a_terminal_only(one):
    drawn = drawn_on("xterm", 80, one)
    assert re.search(rb"\[#+\.+\] +\d+%.* reads", drawn)
    assert b"\033[36m" not in drawn
    done = sunder(*arguments(one.url, one.url, "-o", "json"))
    assert done.stderr == ""


def test_progress_stays_on_one_line_of_a_narrow_terminal(one):
    lines = drawn_on("xterm", 30, one).replace(b"\033[K", b"").split(b"\r")
    assert any(re.match(rb"\[#+\.+\] +\d+%", line) for line in lines)
    assert all(len(line) < 30 for line in lines)


def test_a_terminal_that_cannot_write_over_a_line_gets_none(one):
    assert drawn_on("dumb", 80, one) == b""


def test_the_history_agrees_with_the_summary(tmp_path):
    path = tmp_path / "history.jsonl"
    with servers(tmp_path, (), ()) as (master, replica):
        replica.follow(master.port)
        with Started(master.url, f"{master.url},{replica.url}", "--rate", "1000",
                     "--settle", "5%", "--settle-limit", "20ms", "--history", str(path),
                     pairs=5, ops=200) as run:
            run.until_it_writes(master)
            replica.do("REPLICAOF", "NO", "ONE")  # stale from here on
            d, _ = run.result()
    deeds = [json.loads(line) for line in path.read_text().splitlines()]
    members = "t_invoke t_complete client node op key value outcome"
    assert all(set(e) - {"error"} == set(members.split()) for e in deeds)
    ops = collections.Counter(e["op"] for e in deeds)
    assert ops["set"] == ops["get"] == d["reads"]["total"] == 1000
    assert ops["poll"] > 0
    assert {e["node"] for e in deeds if e["op"] == "get"} == {master.at, replica.at}
    assert all(e["t_invoke"] <= e["t_complete"] for e in deeds)
    sets = [e for e in deeds if e["op"] == "set" and e["outcome"] == "ok"]
    stale = sum(e["value"] < max(w["value"] for w in sets if w["key"] == e["key"] and
                                 w["t_complete"] < e["t_invoke"])
                for e in deeds if e["op"] == "get")
    assert 0 < stale == d["reads"]["stale"] < 1000


def test_a_full_disk_spoils_the_history_and_not_the_run(one):
    done = sunder(*arguments(one.url, one.url, "-o", "json", "--history", "/dev/full",
                             pairs=10, ops=300))
    assert done.returncode == 3
    assert json.loads(done.stdout)["reads"]["total"] == 3000
    assert done.stderr.count("/dev/full") == 1 and "No space" in done.stderr
    done = sunder(*arguments(one.url, one.url, "--history", "/nowhere/file"))
    assert done.returncode == 3 and "/nowhere/file" in done.stderr
    assert one.keys() == []


def test_a_report_that_cannot_be_written_is_no_success(one):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([SUNDER, *arguments(one.url, one.url, "-o", "json")],
                              stdout=full, stderr=subprocess.PIPE, timeout=DEADLINE)
    assert done.returncode == 3 and b"cannot write" in done.stderr


# The end.

def test_the_keys_are_gone_afterwards(trio):
    master, r2, _ = trio
    probe(master.url, r2.url, pairs=30, ops=3)
    assert master.keys() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_what_it_has(one, number):
    with Started(one.url, one.url, "--rate", "200", pairs=10, ops=10**6) as run:
        run.until_it_reads(one)
        run.process.send_signal(number)
        d, _ = run.result(expect=128 + number)
    assert d["interrupted"] and 0 < d["reads"]["total"] < 10**7
    assert one.keys() == []


def test_a_signal_ends_it_also_while_reads_wait_for_their_age(one):
    with Started(one.url, one.url, "--ages", "1h", pairs=3) as run:
        run.until_it_writes(one)
        run.process.send_signal(signal.SIGINT)
        run.result(expect=130)
    assert one.keys() == []


def test_a_second_signal_ends_it_at_once(one):
    with Started(one.url, one.url, "--rate", "200", "--timeout", "1h", pairs=2,
                 ops=10**6) as run:
        run.until_it_writes(one)
        one.signal(signal.SIGSTOP)
        try:
            run.process.send_signal(signal.SIGINT)
            begun = time.monotonic()
            while run.process.poll() is None and time.monotonic() < begun + 1:
                run.process.send_signal(signal.SIGINT)
                select.select([], [], [], 0.02)
            assert run.process.wait(DEADLINE) == 130
            assert time.monotonic() - begun < 1.5  # less than an orderly end may take
        finally:
            one.signal(signal.SIGCONT)


def test_a_signal_ends_it_in_seconds_when_the_server_hangs(one):
    with Started(one.url, one.url, "--rate", "200", "--timeout", "1h", pairs=2,
                 ops=10**6) as run:
        run.until_it_writes(one)
        one.signal(signal.SIGSTOP)
        try:
            run.process.send_signal(signal.SIGINT)
            d, err = run.result(expect=130)
        finally:
            one.signal(signal.SIGCONT)
    assert d["interrupted"] and d["keys_left"] >= 1 and "could not be deleted" in err


# Where to connect, and as whom.

def test_connections_come_from_the_addresses_that_were_asked_for(one):
    done = sunder(*arguments(one.url, one.url, "--source", "127.0.0.2", pairs=1))
    assert done.returncode == 3 and "protected mode" in done.stderr
    assert one.do("CONFIG", "SET", "protected-mode", "no") == "OK"
    with Started(one.url, one.url, "--rate", "50", "--write-source", "127.0.0.2",
                 "--read-source", "127.0.0.3", pairs=2, ops=10**6) as run:
        run.until_it_reads(one)
        listed = one.do("CLIENT", "LIST")
        run.process.send_signal(signal.SIGINT)
        run.result(expect=130)
    sources = set(re.findall(r" addr=(127\.0\.0\.[23]):.*cmd=(\w+)", listed))
    assert {a for a, c in sources if c == "set"} == {"127.0.0.2"}
    assert {a for a, c in sources if c == "get"} == {"127.0.0.3"}
    done = sunder(*arguments(one.url, one.url, "--source", "192.0.2.1"))
    assert done.returncode == 3 and "192.0.2.1" not in one.do("CLIENT", "LIST")


def test_passwords_users_and_databases(tmp_path):
    with servers(tmp_path, ()) as (server,):
        server.do("ACL", "SETUSER", "app", "on", ">s3cret", "~*", "+@all")
        server.do("CONFIG", "SET", "requirepass", "open sesame")
        for who in (":open%20sesame", "app:s3cret"):
            url = f"redis://{who}@{server.at}/3"
            with Started(url, url, "--rate", "50", pairs=1, ops=10**6) as run:
                with Redis(server.at) as r:
                    assert r.do("AUTH", "open sesame") == "OK"
                    wait_until(lambda: "db3" in r.info("keyspace"), "it writes to db 3")
                run.process.send_signal(signal.SIGINT)
                d, _ = run.result(expect=130)
            assert "s3cret" not in str(d) and "sesame" not in str(d)
            assert sunder("hello", url).returncode == 0
        for wrong, kind in ((f"redis://app:x@{server.at}", "WRONGPASS"),
                            (f"redis://:open%20sesame@{server.at}/99", "DB index")):
            done = sunder(*arguments(wrong, wrong))
            assert done.returncode == 3 and kind in done.stderr
            done = sunder("hello", wrong)
            assert done.returncode == 3 and kind in done.stderr
        done = sunder("hello", server.at)
        assert done.returncode == 3 and "NOAUTH" in done.stderr
        assert "password" in done.stderr


def test_a_unix_socket_and_a_name(tmp_path):
    path = tmp_path / "r.sock"
    with servers(tmp_path, ("--unixsocket", str(path))) as (server,):
        d = probe(f"unix:{path}", f"unix://{path},localhost:{server.port}", pairs=2)
        assert d["reads"]["total"] == 200 and d["reads"]["stale"] == 0
        assert d["errors"] == {}
    done = sunder("hello", f"unix:{tmp_path}/none.sock")
    assert done.returncode == 3 and "no such file" in done.stderr.lower()
    done = sunder("hello", "no-such-host.invalid:6379")
    assert done.returncode == 3 and "no-such-host.invalid" in done.stderr
