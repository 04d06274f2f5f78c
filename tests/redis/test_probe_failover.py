"""`sunder probe failover`: what it says, against what Sentinels and servers say."""

import collections
import datetime
import json
import re

import pytest
from exercises import needs_redis
from labs import Lab, Redis, sunder, wait_until

pytestmark = needs_redis

LAB = ("--sentinels", "3", "--fast", "--down-after", "1500ms")
QUICK = ("--before", "300ms", "--hold", "300ms", "--after", "200ms", "--timeout", "300ms")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("lab"), *LAB) as running:
        yield running


def failover(lab, *args, expect=0):
    done = sunder("probe", "failover", "-o", "json", *QUICK, *args, deadline=120,
                  env={"URL_S": lab.map["url_s"], "URL_D": lab.map["url_d"]})
    assert done.returncode == expect, done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


Run = collections.namedtuple("Run", "seen history wall")


@pytest.fixture(scope="module")
def stopped(lab, tmp_path_factory):
    """The master is hung, and comes back: one run for all that look at it."""
    path = tmp_path_factory.mktemp("history") / "history"
    began = datetime.datetime.now()
    seen = failover(lab, "--cause", "stop", "--history", str(path))
    deeds = [json.loads(line) for line in path.read_text().splitlines()]
    return Run(seen, deeds, began)


def test_every_phase_comes_after_the_one_before(stopped):
    seen = stopped.seen
    phases = ["detection", "agreement", "election", "promotion", "told", "published",
              "published_last"]
    times = [seen[f"{p}_ms"] for p in phases]
    assert times == sorted(times) and 1450 < times[0]
    assert seen["promotion_ms"] < seen["unavailable_ms"] + 300
    assert seen["failovers"] == 1 and seen["old_master"] != seen["new_master"]


def test_times_are_those_that_the_sentinels_themselves_log(lab, stopped):
    """Each logs an event at the moment in which it publishes it."""
    line = re.compile(r":X (\d+ \w+ \d+ [\d:.]+) # (\+\S+) (.*)")
    logged = {}
    for i in (1, 2, 3):
        with open(f"{lab.directory}/s{i}/log", encoding="utf-8") as f:
            for found in filter(None, map(line.search, f)):
                at = datetime.datetime.strptime(found[1], "%d %b %Y %H:%M:%S.%f")
                if at > stopped.wall and not found[3].startswith("slave"):
                    logged.setdefault(found[2], []).append(at)
    names = {"detection": "+sdown", "agreement": "+odown", "election": "+elected-leader",
             "published": "+switch-master"}
    zero = min(logged["+sdown"])
    for ours, theirs in names.items():
        theirs = (min(logged[theirs]) - zero).total_seconds() * 1000
        assert stopped.seen[f"{ours}_ms"] - stopped.seen["detection_ms"] == \
            pytest.approx(theirs, rel=0.2, abs=50)


def test_a_master_that_comes_back_takes_writes_that_are_lost(stopped):
    seen = stopped.seen
    assert seen["old_side"] > 0 and seen["lost_old_side"] == seen["old_side"]
    assert seen["lost"] >= seen["lost_old_side"]
    assert seen["dual_master_ms"] > 0 and seen["zombie_ms"] > 0
    assert seen["demoted_ms"] > seen["mended_ms"]


def test_the_books_balance(stopped):
    seen = stopped.seen
    assert seen["acknowledged"] == seen["surviving"] + seen["lost"]
    assert seen["writes"] == sum(seen[k] for k in ("acknowledged", "indeterminate",
                                                   "refused"))
    assert seen["refused_there"] == 0
    tally = " / ".join(f"{seen[k]} {k}" for k in ("acknowledged", "surviving", "lost"))
    assert seen["tally"].startswith(tally)


def test_the_history_has_every_operation_and_adds_up(stopped):
    outcomes = collections.Counter((d["op"], d["outcome"]) for d in stopped.history)
    assert outcomes["sadd", "ok"] == stopped.seen["acknowledged"]
    assert outcomes["sadd", "info"] == stopped.seen["indeterminate"]
    assert outcomes["sadd", "fail"] == stopped.seen["refused"]
    assert outcomes["scard", "ok"] == stopped.seen["reads"]
    values = [d["value"] for d in stopped.history if d["op"] == "sadd"]
    assert len(values) == len(set(values)) == stopped.seen["writes"]


def test_writers_come_back_and_the_pinned_one_does_not(stopped):
    kinds = {c["kind"]: c for c in stopped.seen["clients"]}
    assert set(kinds) == {"writer", "pinned writer", "reader"}
    assert not kinds["writer"]["to_the_end"] and not kinds["reader"]["to_the_end"]
    assert kinds["pinned writer"]["unavailable_ms"] > stopped.seen["unavailable_ms"]


def test_it_is_whole_again_and_no_key_is_left(lab, stopped):
    assert stopped.seen["whole_ms"] >= stopped.seen["demoted_ms"]
    assert stopped.seen["full_syncs"] + stopped.seen["partial_syncs"] >= 1
    for url in [lab.master, *lab.replicas]:
        with Redis(url) as r:
            wait_until(lambda r=r: r.do("KEYS", "*") == [], "the DELs are everywhere")


def test_who_is_no_sentinel_is_told_from_one(lab):
    done = sunder("probe", "failover", "--sentinel", lab.master)
    assert done.returncode == 3 and "no sentinel knows" in done.stderr


def test_repeated_it_gives_medians_and_claims_hold_in_every_run(lab):
    seen = failover(lab, "--repeat", "2", "--assert", "lost=0", "--assert", "failovers=1",
                    "--assert", "unavailable<30s", expect=1)
    assert seen["repeat"] == 2 == len(seen["runs"])
    assert [a["met"] for a in seen["assertions"]] == [False, True, True]
    promotions = sorted(r["promotion_ms"] for r in seen["runs"])
    spread = seen["spread"]["promotion_ms"]
    assert [spread["min"], spread["max"]] == pytest.approx(promotions)
    assert seen["promotion_ms"] == pytest.approx(sum(promotions) / 2)
    assert seen["runs"][0]["new_master"] == seen["runs"][1]["old_master"]


@pytest.mark.parametrize("words,said", [
    (["--cause", "earthquake"], "'earthquake'"),
    (["--assert", "elephants=0"], "'elephants'"),
    (["--direct", "127.0.0.1:1"], "known=real"),
    (["--rate", "0"], "--rate"),
    (["--repeat", "2", "--history", "/dev/null"], "--history"),
])
def test_what_is_wrong_is_one_line_and_a_hint(lab, words, said):
    assert said in failover(lab, *words, expect=2)


def test_without_sentinels_it_says_so():
    done = sunder("probe", "failover", "--sentinel", "127.0.0.1:1", "--within", "1s")
    assert done.returncode == 3 and "refused" in done.stderr
    assert done.stderr.count("\n") <= 2


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A lab in which all servers ask for a password, and none for that of another."""
    with Lab(tmp_path_factory.mktemp("lab"), *LAB) as running:
        for node in running.map["nodes"]:
            with Redis(node["real"]) as r:
                if node["role"] == "sentinel":
                    assert r.do("SENTINEL", "SET", "mymaster", "auth-pass", "key") == "OK"
                else:
                    assert r.do("CONFIG", "SET", "masterauth", "key") == "OK"
                    assert r.do("CONFIG", "SET", "requirepass", "key") == "OK"
        yield running


@pytest.mark.parametrize("m", ["", "redis://127.0.0.1", "redis://:wrong@127.0.0.1"])
def test_without_the_password_it_says_what_is_missing(locked, m):
    env = {"URL_S": locked.map["url_s"], "URL_D": locked.map["url_d"], "URL_M": m}
    for words in (["probe", "failover", *QUICK], ["sentinel", "kill"]):
        done = sunder(*words, env=env)
        assert (done.returncode, done.stdout) == (3, "") and "wrong" not in done.stderr
        assert "ask for a password" in done.stderr or "NOAUTH" in done.stderr or \
            "WRONGPASS" in done.stderr
        assert "URL_M" in done.stderr or "WRONGPASS" in done.stderr


def test_with_the_password_of_url_m_it_is_as_ever(locked):
    env = {"URL_S": locked.map["url_s"], "URL_D": locked.map["url_d"],
           "URL_M": "redis://:key@127.0.0.1:1"}  # only who, not where
    done = sunder("probe", "failover", "-o", "json", *QUICK, env=env, deadline=120)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["failovers"] == 1 and seen["lost"] is not None
    assert seen["whole_ms"] is not None and "key" not in done.stderr
    assert sunder("sentinel", "kill", env=env).stdout.startswith("previous  ")
