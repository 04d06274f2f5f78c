"""The small probes against servers of one's own: no lab, no proxy."""

import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
from labs import DEADLINE, SUNDER, Redis, sunder, wait_until
from proxies import Proxy
from servers import SERVER, Scripted, free_port, servers

pytestmark = pytest.mark.skipif(not SERVER, reason="no redis-server")

# Each with an option for its place, and words that make it short.
PROBES = {
    "retry": ("--write", ["--ops", "20"]),
    "pipeline": ("--write", ["--batches", "3"]),
    "half-open": ("--url", ["--for", "250ms"]),
    "pubsub": ("--publish", ["--messages", "20", "--rate", "200"]),
    "read": ("--read", ["--duration", "100ms"]),
    "writes": ("--write", ["--ops", "20", "--rate", "1000"]),
}


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    with servers(tmp_path_factory.mktemp("redis"), ()) as (server,):
        yield server


def words_of(probe, url, *words):
    place, short = PROBES[probe]
    return ["probe", probe, place, url, *short, *words]


def run(probe, url, *words, expect=0):
    done = sunder(*words_of(probe, url, "-o", "json", *words))
    assert done.returncode == expect, done.stderr
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


# All of them.

VARIANTS = [("retry",), ("retry", "--token"), ("retry", "--give-up"), ("pipeline",),
            ("pipeline", "--again"), ("pipeline", "--transaction"), ("half-open",),
            ("pubsub",), ("pubsub", "--stream"), ("read",), ("read", "--retry"),
            ("read", "--next"), ("writes",), ("writes", "--wait", "0")]


@pytest.mark.parametrize("words", VARIANTS, ids=" ".join)
def test_on_a_healthy_server_all_is_well_and_no_key_is_left(one, words):
    found = run(words[0], one.url, *words[1:])
    assert found["probe"] == words[0] and found["interrupted"] is False
    assert found.get("errors", {}) == {}
    for trouble in ("unknown", "failed", "twice", "gone", "lost", "half_done",
                    "sent_again", "broken", "refused", "nobody", "again", "reconnects"):
        assert not found.get(trouble), trouble
    assert one.keys() == []


@pytest.mark.parametrize("probe", PROBES)
def test_when_nobody_is_there_it_says_so_in_a_line_and_a_hint(probe):
    url = f"redis://127.0.0.1:{free_port()}"
    done = sunder(*words_of(probe, url, "--source", "127.0.0.2"))
    assert (done.returncode, done.stdout) == (3, "")
    assert "connection refused" in done.stderr and url in done.stderr
    assert done.stderr.count("\n") == 2


@pytest.mark.parametrize("probe", PROBES)
def test_passwords_are_spoken_and_never_printed(tmp_path, probe):
    with servers(tmp_path, ("--requirepass", "hunter2")) as (server,):
        done = sunder(*words_of(probe, f"redis://:hunter2@{server.at}/3"))
        assert done.returncode == 0, done.stderr
        assert "***" in done.stdout and "hunter2" not in done.stdout
        done = sunder(*words_of(probe, f"redis://:hunter3@{server.at}"))
        assert done.returncode == 3
        assert "WRONGPASS" in done.stderr and "hunter" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("how", [[], ["-o", "json"]], ids=["text", "json"])
def test_a_report_that_is_lost_is_said_with_the_reason(one, probe, how):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([SUNDER, *words_of(probe, one.url, *how)], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=DEADLINE,
                              check=False)
    assert done.returncode == 3
    assert done.stderr == "sunder: cannot write the output: No space left on device\n"


CLAIMS = {"retry": "twice==0", "pipeline": "unknown_ran==0", "half-open": "silent_ms<1s",
          "pubsub": "lost==0", "read": "slowest_ms<10s", "writes": "refused==0"}


@pytest.mark.parametrize("probe", PROBES)
def test_claims_set_the_exit_code(one, probe):
    claim = CLAIMS[probe]
    assert run(probe, one.url, "--assert", claim)["assertions"] == [
        {"text": claim, "met": True}]
    wrong = claim.replace("==0", ">0").replace("<", ">")
    assert run(probe, one.url, "--assert", claim, "--assert", wrong, expect=1)[
        "assertions"][1] == {"text": wrong, "met": False}
    text = sunder(*words_of(probe, one.url, "--assert", wrong))
    assert text.returncode == 1 and f"NOT MET  {wrong}" in text.stdout


@pytest.mark.parametrize("probe, words, said", [
    *[(p, w, s) for p in PROBES for w, s in (
        (["surplus"], "'surplus'"), (["-o", "xml"], "'xml'"),
        (["--source", "nowhere"], "'nowhere'"), (["--assert", "elephants==0"], "-o json"),
        (["--assert", CLAIMS[p].partition("=")[0].partition("<")[0]], "no comparison"))],
    ("retry", ["--ops", "0"], "--ops"),
    ("retry", ["--token", "--give-up"], "--give-up"),
    ("retry", ["--timeout", "0"], "--timeout"),
    ("pipeline", ["--batches", "0"], "--batches"),
    ("pipeline", ["--size", "100000", "--batches", "2"], "100000"),
    ("pipeline", ["--size", "9223372036854775808", "--batches", "2"], "100000"),
    ("pipeline", ["--again", "--transaction"], "--again"),
    ("half-open", ["--keepalive", "1s"], "1s/1s/2"),
    ("half-open", ["--keepalive", "1s/1s/2/3"], "1s/1s/2"),
    ("half-open", ["--keepalive", "0.5s/1s/2"], "whole seconds"),
    ("half-open", ["--keepalive", "1s/1s/many"], "1s/1s/2"),
    ("half-open", ["--for", "0"], "--for"),
    ("half-open", ["--user-timeout", "0"], "--user-timeout"),
    ("pubsub", ["--messages", "0"], "--messages"),
    ("pubsub", ["--rate", "0"], "--rate"),
    ("read", ["--rate", "0"], "--rate"),
    ("writes", ["--ops", "0"], "--ops"),
    ("writes", ["--rate", "0"], "--rate"),
    ("writes", ["--wait", "1", "--wait-time", "0"], "--wait-time"),
    ("writes", ["--keep", ""], "--keep"),
    ("read", ["--duration", "0"], "--duration"),
    ("read", ["--duration", "1000000h"], "--duration"),
    ("read", ["--retry", "--next"], "--retry"),
])
def test_wrong_words_end_it_before_it_starts(one, probe, words, said):
    done = sunder(*words_of(probe, one.url, *words))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"sunder probe {probe}: ")
    assert said in done.stderr and done.stderr.count("\n") <= 2


@pytest.mark.parametrize("probe", PROBES)
def test_places_come_from_the_environment_or_are_asked_for(one, probe):
    variable = "URL_R" if probe == "read" else "URL_M"
    words = ["probe", probe, *PROBES[probe][1]]
    assert sunder(*words, env={variable: one.url}).returncode == 0
    done = sunder(*words, env={variable: ""})
    assert done.returncode == 2 and variable in done.stderr


def commands_of(server):
    return int(server.info("stats")["total_commands_processed"])


@pytest.mark.parametrize("probe, words", [
    ("retry", ["--ops", "1000000"]),
    ("pipeline", ["--batches", "100000", "--size", "1", "--transaction"]),
    ("half-open", ["--for", "1h"]),
    ("retry", ["--ops", "1000000", "--token"]),
    ("pubsub", ["--messages", "100000", "--rate", "500", "--stream"]),
    ("read", ["--duration", "1h"]),
])
def test_an_interrupt_ends_it_with_what_was_seen(one, probe, words):
    before = commands_of(one)
    with subprocess.Popen([SUNDER, *words_of(probe, one.url, *words, "-o", "json")],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as p:
        wait_until(lambda: commands_of(one) > before + 60, "it is at work")
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=DEADLINE)
    assert (p.returncode, err) == (130, "")
    assert json.loads(out)["interrupted"] is True
    assert one.keys() == []


# Each of them.

class Started:
    def __init__(self, *words):
        self.process = subprocess.Popen([SUNDER, *words, "-o", "json"], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def until_mark(self):
        assert self.process.stdout.readline() == "mark\n"

    def result(self):
        out, err = self.process.communicate(timeout=DEADLINE)
        assert self.process.returncode == 0, err
        return json.loads(out)


@pytest.mark.parametrize("policy, exact", [("--token", True), (None, False)])
def test_killed_connections_cost_a_retry_nothing_but_accuracy(one, policy, exact):
    """However often, and wherever in an INCR: with a token the count is right."""
    words = words_of("retry", one.url, "--ops", "4000", *([policy] if policy else []))
    kills = 0
    with Started(*words) as p, Redis(one.at) as admin:
        while p.process.poll() is None:
            kills += admin.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            time.sleep(0.002)  # this is the rate of the kills, nothing is waited for
        found = p.result()
    assert kills > 0 and found["acknowledged"] == 4000
    assert found["gone"] == found["unknown"] == 0
    assert found["twice"] == 0 if exact else found["twice"] <= found["sent_again"]
    assert found["on_server"] == 4000 + found["twice"]


def test_killed_connections_leave_no_transaction_half_done(one):
    words = words_of("pipeline", one.url, "--batches", "300", "--transaction")
    kills = 0
    with Started(*words) as p, Redis(one.at) as admin:
        while p.process.poll() is None:
            kills += admin.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            time.sleep(0.002)  # this is the rate of the kills, nothing is waited for
        found = p.result()
    assert kills > 0 and found["answered"] == found["on_server"] == 3000
    assert found["twice"] == found["half_done"] == found["gone"] == 0


def test_a_subscriber_that_is_killed_comes_back(one):
    with Started(*words_of("pubsub", one.url, "--messages", "100", "--mark", "50",
                           "--grace", "200ms")) as p:
        p.until_mark()
        one.do("CLIENT", "KILL", "TYPE", "pubsub")
        found = p.result()
    assert found["reconnects"] >= 1 and found["errors"] == {"eof": 1}
    assert found["received"] + found["lost"] == found["published"] == 100
    assert found["received"] >= 80


def test_a_stopped_server_is_noticed_by_the_clients_own_timeouts_only(tmp_path):
    with servers(tmp_path, ()) as (server,):
        with Started(*words_of("half-open", server.url, "--for", "1s", "--mark",
                               "--command-timeout", "300ms")) as p:
            p.until_mark()
            server.signal(signal.SIGSTOP)
            found = p.result()
        server.signal(signal.SIGCONT)
    assert 300 <= found["command_timeout_ms"] <= 900
    assert found["dialing"] == "connects, and nobody answers"
    assert found["idle_keepalive_ms"] is found["busy_ms"] is found["idle_ms"] is None
    assert found["silent_ms"] > 500


def test_a_server_that_dies_is_noticed_by_everybody_at_once(tmp_path):
    with servers(tmp_path, ()) as (server,):
        with Started(*words_of("half-open", server.url, "--for", "1h", "--mark")) as p:
            p.until_mark()
            server.end()
            found = p.result()
    times = {k: v for k, v in found.items() if k.endswith("_ms") and k != "silent_ms"}
    assert len(times) == 7 and all(t is not None and t < 1000 for t in times.values())
    assert found["dialing"] == "connection refused"


def test_an_incr_that_is_refused_was_surely_not_carried_out(tmp_path):
    with servers(tmp_path, ("--replicaof", "127.0.0.1 1")) as (replica,):
        found = run("retry", replica.url)
    assert (found["failed"], found["unknown"], found["acknowledged"]) == (20, 0, 0)
    assert found["errors"] == {"READONLY": 20} and found["on_server"] == 0


def test_a_pipeline_that_is_refused_was_answered(tmp_path):
    with servers(tmp_path, ("--replicaof", "127.0.0.1 1")) as (replica,):
        found = run("pipeline", replica.url)
    assert (found["commands"], found["refused"], found["on_server"]) == (30, 30, 0)
    assert (found["answered"], found["unknown"], found["broken"]) == (0, 0, 0)


def test_what_is_sent_again_in_a_pipeline_and_refused_may_have_been_done(one):
    with Proxy(one.at, "on client -> * when command=HINCRBY session=1 nth=4 do "
               "lose-reply then=reset", "on client -> * when command=HINCRBY session=2 "
               "nth=1 do error LOADING") as proxy:
        found = run("pipeline", proxy.at, "--again")
    assert (found["unknown"], found["unknown_ran"], found["refused"]) == (1, 1, 1)
    assert (found["answered"], found["broken"]) == (29, 1)


def test_an_incr_that_is_refused_only_when_sent_again_may_have_been(one):
    with Proxy(one.at, "on client -> * when command=INCR session=1 nth=2 do lose-reply "
               "then=reset", "on client -> * when command=INCR session=2 nth=1 do error "
               "LOADING") as proxy:
        found = run("retry", proxy.at)
    assert (found["acknowledged"], found["unknown"], found["failed"]) == (19, 1, 0)
    assert (found["on_server"], found["twice"], found["sent_again"]) == (20, 0, 1)


@pytest.mark.parametrize("how", [[], ["--stream"]], ids=["pubsub", "stream"])
def test_a_message_that_comes_twice_is_received_once_and_counted_again(one, how):
    with Proxy(one.at, "on client -> * when command=PUBLISH,XADD nth=3 do "
               "duplicate-request") as proxy:
        found = run("pubsub", proxy.at, *how)
    assert (found["again"], found["received"], found["lost"]) == (1, 20, 0)


def test_a_subscriber_that_may_not_read_says_why_nothing_came(one):
    one.do("ACL", "SETUSER", "deaf", "on", ">secret", "~*", "&*", "+@all", "-xread")
    found = run("pubsub", f"redis://deaf:secret@{one.at}", "--stream", "--grace", "0")
    assert (found["published"], found["received"], found["lost"]) == (20, 0, 20)
    assert found["errors"]["NOPERM"] > 0 and found["reconnects"] > 0


class Loading:
    """Answers -LOADING to every GET for a time, and a number from then on."""

    def __init__(self, seconds):
        self.until = None
        self.seconds = seconds
        self.lock = threading.Lock()

    def __call__(self, s):
        file = s.makefile("rb")
        while line := file.readline():
            if line.strip() != b"GET":
                continue
            with self.lock:
                self.until = self.until or time.monotonic() + self.seconds
            loading = time.monotonic() < self.until
            s.sendall(b"-LOADING Redis is loading the dataset in memory\r\n" if loading
                      else b"$2\r\n42\r\n")


def test_reads_of_a_server_that_loads_fail_are_late_or_go_elsewhere(one):
    with Scripted(Loading(3600)) as fake:
        naive = run("read", fake.at, "--duration", "200ms")
        elsewhere = run("read", f"{fake.at},{one.at}", "--next", "--duration", "200ms")
    with Scripted(Loading(0.3)) as fake:
        late = run("read", fake.at, "--retry", "--duration", "600ms")
    assert naive["failed"] == naive["reads"] == naive["errors"]["LOADING"] == 20
    assert naive["slowest_ms"] is None
    assert elsewhere["failed"] == 0 and elsewhere["elsewhere"] == elsewhere["reads"] == 20
    assert late["failed"] == 0 and late["answered"] == 60
    assert 290 <= late["slowest_ms"] <= 1500


def test_what_does_not_pass_is_not_tried_again(one):
    one.do("HSET", "h", "f", "v")
    found = run("read", one.at, "--retry", "--key", "h", "--duration", "100ms")
    one.do("DEL", "h")
    assert found["failed"] == 10 and found["again"] == 0
    assert found["errors"] == {"WRONGTYPE": 10}


def test_patience_ends(tmp_path):
    with Scripted(Loading(3600)) as fake:
        found = run("read", fake.at, "--retry", "--duration", "10ms",
                    "--patience", "200ms")
    assert found["failed"] == found["reads"] == 1 and found["again"] >= 2


def test_writes_that_are_kept_are_there_by_their_numbers(one):
    found = run("writes", one.url, "--keep", "mine")
    assert found["key"] == "mine" and found["which_acknowledged"] == "1-20"
    assert found["confirmed"] is None and found["which_confirmed"] == ""
    assert sorted(map(int, one.do("SMEMBERS", "mine"))) == list(range(1, 21))
    one.do("DEL", "mine")


def test_refused_writes_are_told_by_their_error_and_not_claimed_as_done(one):
    one.do("SET", "mine", "no set")
    found = run("writes", one.url, "--keep", "mine")
    one.do("DEL", "mine")
    assert (found["acknowledged"], found["refused"], found["unknown"]) == (0, 20, 0)
    assert found["errors"] == {"WRONGTYPE": 20} and found["which_acknowledged"] == ""
    assert found["first_refused_ms"] is not None
    assert found["last_acknowledged_ms"] is None


class Lossy:
    """Acknowledges all but every third SADD, of which it says nothing and hangs up."""

    def __init__(self):
        self.seen = 0

    def __call__(self, s):
        file = s.makefile("rb")
        while line := file.readline():
            if line.strip() != b"SADD":
                continue
            self.seen += 1
            if self.seen % 3 == 0:
                s.shutdown(socket.SHUT_RDWR)
                return
            s.sendall(b":1\r\n")


def test_a_write_that_is_never_answered_is_unknown_and_not_sent_again():
    with Scripted(Lossy()) as fake:
        found = run("writes", fake.at, "--keep", "k", "--ops", "8")
    assert (found["acknowledged"], found["unknown"], found["failed"]) == (6, 2, 0)
    assert found["which_acknowledged"] == "1-2,4-5,7-8"
    assert found["errors"] == {"eof": 2}


def test_wait_confirms_what_so_many_replicas_have(tmp_path):
    with servers(tmp_path, (), ()) as (master, replica):
        replica.follow(master.port)
        both = run("writes", master.url, "--wait", "1", "--wait-time", "5s")
        more = run("writes", master.url, "--wait", "2", "--wait-time", "1ms",
                   "--ops", "2")
    assert both["confirmed"] == 20 and both["which_confirmed"] == "1-20"
    assert (more["acknowledged"], more["confirmed"]) == (2, 0)


def test_what_is_no_redis_is_said_to_be_none(tmp_path):
    def http(s):
        s.recv(1000)
        s.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with Scripted(http) as fake:
        found = run("read", fake.at, "--duration", "20ms")
    assert found["errors"] == {"protocol": 2}


def test_a_unix_socket_will_do(tmp_path):
    path = str(tmp_path / "s")
    with servers(tmp_path, ("--unixsocket", path)):
        wait_until(lambda: os.path.exists(path), "the socket is there")
        for probe in PROBES:
            assert sunder(*words_of(probe, f"unix:{path}")).returncode == 0


# A session: what it reads of what it wrote.

def session(write, read, *words, expect=0):
    done = sunder("probe", "session", "--write", write, "--read", read, "--ops", "20",
                  "--rate", "1000", "--pause", "0", "-o", "json", *words)
    assert done.returncode == expect, done.stderr
    return json.loads(done.stdout)


def test_a_session_with_one_server_sees_its_own_writes_and_leaves_no_key(one):
    found = session(one.at, f"{one.at},{one.at}", "--assert", "not_own==0")
    assert (found["writes"], found["acknowledged"], found["reads"]) == (20, 20, 40)
    assert (found["not_own"], found["not_monotonic"], found["elsewhere"]) == (0, 0, 0)
    assert found["errors"] == {}
    assert not [k for k in one.keys() if k.startswith("session:")]


class Always:
    """Answers every GET with the same."""

    def __init__(self, value):
        self.value = value

    def __call__(self, s):
        file = s.makefile("rb")
        while line := file.readline():
            if line.strip() == b"GET":
                s.sendall(b"$%d\r\n%s\r\n" % (len(self.value), self.value))


def test_a_server_that_stands_still_is_behind_and_takes_time_back(one):
    with Scripted(Always(b"0")) as still:
        alone = session(one.at, still.at)
        turns = session(one.at, f"{one.at},{still.at}")
    assert (alone["not_own"], alone["not_monotonic"]) == (20, 0)
    assert alone["most_behind"] == 20
    assert (turns["not_own"], turns["not_monotonic"]) == (20, 20)


def test_with_a_token_an_old_answer_is_no_answer(one):
    with Scripted(Always(b"0")) as still:
        other = session(one.at, f"{one.at},{still.at}", "--token")
        master = session(one.at, still.at, "--token")
    for found in (other, master):
        assert (found["not_own"], found["not_monotonic"], found["failed"]) == (0, 0, 0)
        assert found["elsewhere"] == 20


def test_with_a_token_a_server_that_refuses_is_passed_over(one):
    with Scripted(Loading(3600)) as fake:
        plain = session(one.at, fake.at)
        token = session(one.at, fake.at, "--token")
    assert plain["failed"] == 20 and plain["errors"] == {"LOADING": 20}
    assert token["failed"] == 0 and token["elsewhere"] == 20


@pytest.mark.parametrize("words, said", [
    (["--ops", "0"], "--ops"), (["--rate", "0"], "--rate"),
    (["--timeout", "0"], "--timeout"), (["--read", ",".join("abcdefghi")], "more than 8"),
    (["--assert", "elephants==0"], "-o json"),
])
def test_wrong_words_for_a_session_end_it_before_it_starts(one, words, said):
    done = sunder("probe", "session", "--write", one.at, "--read", one.at, *words)
    assert (done.returncode, done.stdout) == (2, "") and said in done.stderr


def test_a_session_needs_a_place_to_read(one):
    done = sunder("probe", "session", "--write", one.at, env={"URL_R": ""})
    assert done.returncode == 2 and "URL_R" in done.stderr
