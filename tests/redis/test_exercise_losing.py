"""The exercises about losing a master. Each is run once, all at the same time: they
mostly wait. Each measures what takes time, so nothing else runs beside them."""

import json
import os
import signal
import subprocess

import pytest
from exercises import Outcome, needs_redis
from labs import DEADLINE, SUNDER, alive, family, sunder, sweep, wait_until

pytestmark = [needs_redis, pytest.mark.alone]

NAMES = ["failover", "split-brain", "planned-failover-loses", "needless-failover",
         "zombie", "minority", "flapping", "sentinel-lies"]


def start(tmp, *args):
    return subprocess.Popen([SUNDER, "exercise", *args], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "TMPDIR": str(tmp)})


class Run:
    """One that goes on; its outcome when it has ended."""

    def __init__(self, tmp, name):
        self.tmp, self.process = tmp, start(tmp, name, "-o", "json")
        self.known = None

    def outcome(self):
        if self.known is None:
            out, err = self.process.communicate(timeout=180)
            assert not list(self.tmp.glob("sunder-lab*")), "it leaves no file"
            self.known = Outcome(subprocess.CompletedProcess(
                [], self.process.returncode, out, err))
        return self.known


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    started = {name: Run(tmp_path_factory.mktemp(name), name) for name in NAMES}
    yield started
    for run in started.values():
        if run.process.poll() is None:
            run.process.kill()
            run.process.communicate()


def rows(runs, name):
    return runs[name].outcome().rows


@pytest.mark.parametrize("name", NAMES)
def test_what_is_expected_is_seen(runs, name):
    runs[name].outcome().assert_met()


@pytest.mark.parametrize("name", NAMES)
def test_no_link_ever_goes_round_the_proxy(runs, name):
    assert runs[name].outcome().all["links_round_the_proxy"] == 0


@pytest.mark.parametrize("name", NAMES)
def test_no_write_that_was_refused_is_there(runs, name):
    assert all(row["refused_there"] == 0 for row in rows(runs, name).values())


def test_clients_find_the_new_master_however_the_old_one_was_lost(runs):
    for name, row in rows(runs, "failover").items():
        finders = [c for c in row["clients"] if c["kind"] != "pinned writer"]
        assert len(finders) == 3
        assert not any(c["to_the_end"] for c in finders), name
        assert row["whole_ms"] is not None


def test_a_split_brain_has_writes_on_both_sides_and_keeps_those_of_the_new_master(runs):
    row = rows(runs, "split-brain")["split"]
    assert row["new_side"] > 50 and row["old_side"] > 50
    assert row["surviving"] >= row["new_side"]
    assert row["lost"] >= row["old_side"]


def test_with_enough_replicas_demanded_a_planned_failover_loses_next_to_nothing(runs):
    planned = rows(runs, "planned-failover-loses")
    lost = planned["SENTINEL FAILOVER"]["lost"]
    assert lost > 50
    # What it takes before it sees that the replica has left: on a busy machine, longer.
    assert planned["the same, min-replicas 2"]["lost"] <= max(5, lost / 20)


def test_writes_that_were_paused_are_lost_as_well(runs):
    paused = rows(runs, "planned-failover-loses")["the same, CLIENT PAUSE"]
    assert paused["lost"] > 0 and paused["unavailable_ms"] > 2000


def test_one_sentinel_alone_can_think_so_and_no_more(runs):
    one = rows(runs, "needless-failover")["one sentinel cut off"]
    assert one["sdowns"] == 1 and one["odowns"] == 0 and one["unavailable_ms"] < 500


def test_a_zombie_is_told_by_a_sentinel(runs):
    row = rows(runs, "zombie")["restart"]
    told = [e for e in row["timeline"] if e["what"] == "+convert-to-slave"]
    assert told and told[0]["ms"] > row["mended_ms"]
    assert row["demoted_ms"] == pytest.approx(told[0]["ms"], abs=500)


def test_a_quorum_of_one_detects_and_is_not_elected(runs):
    row = rows(runs, "minority")["1 of 3, quorum 1"]
    what = [e["what"] for e in row["timeline"]]
    assert "+odown" in what and "-failover-abort-not-elected" in what
    assert "+switch-master" not in what


def test_patience_costs_nothing_while_links_pause(runs):
    patient = rows(runs, "flapping")["down-after 3s"]
    assert patient["sdowns"] == 0 and patient["unavailable_ms"] < 500


def test_a_master_that_serves_its_clients_is_replaced_for_what_it_tells_sentinel(runs):
    row = rows(runs, "sentinel-lies")["healthy, PING is refused"]
    assert row["detection_ms"] is not None and row["unavailable_ms"] < 1000


# What all of them have in common, and what does not need a run.

@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_line_in_the_list_and_a_help(name):
    listed = sunder("exercise", "list").stdout.splitlines()
    assert any(line.split()[0] == name for line in listed)
    shown = sunder("exercise", name, "--help")
    assert shown.returncode == 0 and "--default-timers" in shown.stdout
    wrong = sunder("exercise", name, "extra")
    assert (wrong.returncode, wrong.stdout) == (2, "") and "'extra'" in wrong.stderr


def test_a_signal_in_the_midst_of_it_leaves_nothing(tmp_path):
    """Also when a server is stopped at that moment."""
    run = start(tmp_path, "minority")
    pids = []

    def stopped():
        pids[:] = family(run.pid)
        for pid in pids:
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                    if f.read().rpartition(")")[2].split()[0] == "T":
                        return True
            except (FileNotFoundError, ProcessLookupError):
                pass
        return False

    try:
        wait_until(stopped, "the master hangs")
        run.send_signal(signal.SIGTERM)
        assert run.wait(DEADLINE) == 143
        wait_until(lambda: not any(map(alive, pids)), "all are gone")
        assert not list(tmp_path.glob("sunder-lab*"))
    finally:
        if run.poll() is None:
            run.kill()
        sweep(pids, tmp_path)
        run.communicate()


def test_it_says_by_which_timers_its_figures_came_about(runs):
    said = json.dumps(runs["failover"].outcome().all["timers"])
    assert "down-after 1.5s" in said and "fast" in said
