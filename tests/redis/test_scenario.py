"""`sunder scenario`: labs that are put through something, and judged."""

import glob
import json
import os
import shutil
import signal
import subprocess

import pytest
from labs import DEADLINE, ROOT, SUNDER, alive, family, sunder, sweep, wait_until

pytestmark = pytest.mark.skipif(not (shutil.which("redis-server") or
                                     shutil.which("valkey-server")),
                                reason="no redis-server")

EXAMPLES = sorted(glob.glob(os.path.join(ROOT, "docs", "scenarios", "*.yaml")))


@pytest.fixture
def play(tmp_path):
    """play(text, flags...): run a scenario; its exit status and its lines as objects."""
    def run(text, *flags, status=0):
        if "redis-cli" in text and not shutil.which("redis-cli"):
            pytest.skip("no redis-cli")
        path = tmp_path / "scenario.yaml"
        path.write_text(text)
        done = sunder("scenario", "run", str(path), "-o", "json", *flags,
                      env={"TMPDIR": str(tmp_path)}, deadline=120)
        assert done.returncode == status, done.stdout + done.stderr
        assert not [f for f in os.listdir(tmp_path) if f.startswith("sunder-lab")]
        return [json.loads(line) for line in done.stdout.splitlines()]
    return run


def events(lines, event):
    return [x for x in lines if x.get("event") == event]


# What the manual shows.

@pytest.mark.parametrize("path", EXAMPLES, ids=[os.path.basename(p) for p in EXAMPLES])
def test_an_example_of_the_manual_comes_out_as_expected(path, tmp_path):
    if "redis-cli" in open(path, encoding="utf-8").read() and \
            not shutil.which("redis-cli"):
        pytest.skip("no redis-cli")
    done = sunder("scenario", "run", path, env={"TMPDIR": str(tmp_path)}, deadline=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NOT MET" not in done.stdout and "met " in done.stdout
    assert os.listdir(tmp_path) == []


def test_every_yaml_block_of_the_manual_is_one_of_the_files_or_sound(tmp_path):
    with open(os.path.join(ROOT, "docs", "scenarios.md"), encoding="utf-8") as f:
        blocks = [b.split("```")[0] for b in f.read().split("```yaml\n")[1:]]
    assert len(blocks) >= 4
    files = []
    for path in EXAMPLES:
        with open(path, encoding="utf-8") as f:
            files.append(f.read())
    for text in files:
        assert text in blocks, "an example is not in docs/scenarios.md, or differs"
    for i, block in enumerate(blocks):
        path = tmp_path / f"{i}.yaml"
        path.write_text(block)
        done = sunder("scenario", "check", str(path))
        assert done.returncode == 0, block + done.stderr


# Steps, one kind after the other.

def test_steps_come_by_the_clock_and_again_and_again(play):
    lines = play("steps:\n"
                 "  - {at: 0s, say: first}\n"
                 "  - {every: 200ms, times: 3, say: again}\n"
                 "  - {at: 900ms, say: last}\n"
                 "for: 1s\n")
    said = events(lines, "say")
    assert [x["text"] for x in said] == ["first", "again", "again", "again", "last"]
    for x, due in zip(said, (0, 0.2, 0.4, 0.6, 0.9)):
        assert x["t"] >= due, "early"
    assert lines[-1]["met"] and lines[-1]["seconds"] >= 1


def test_a_rule_that_fires_starts_what_waits_for_it(play):
    lines = play("rules:\n  - seen: on client -> r1 when command=GET do latency 1ms\n"
                 "steps:\n"
                 "  - {when: rule seen fired, rule: 'busy: on client -> r1 when "
                 "command=INCR do error BUSY', end: true}\n"
                 "  - {at: 100ms, name: get, run: redis-cli -u $URL_M GET k}\n"
                 "for: 20s\n"
                 "expect: [fired seen == 1, run get exits 0, fired busy == 0]\n")
    assert lines[-1]["seconds"] < 15
    added = [x["rule"] for x in events(lines, "rule-added")]
    assert added == ["seen", "busy"]
    assert lines[-1]["fired"] == {"seen": 1}


def test_partitions_are_made_and_healed(play):
    lines = play("steps:\n"
                 "  - {at: 0s, name: a, split: 'r1 / r2', how: reset}\n"
                 "  - {at: 0s, name: b, cut: client r1, one-way: true, for: 200ms}\n"
                 "  - {at: 100ms, ring: 'r1,r2,r3'}\n"
                 "  - {at: 500ms, heal: a}\n"
                 "  - {at: 600ms, heal: '*'}\n"
                 "  - {at: 700ms, heal: a}\n"
                 "expect: ['fired a.* >= 2', in-sync within 20s]\n")
    cuts = [(x["name"], x["how"]) for x in events(lines, "cut")]
    assert cuts == [("a", "reset"), ("b", "hang"), ("ring-1", "hang")]
    over = [x["rule"] for x in events(lines, "rule-removed")]
    assert over[0] == "b.1" and over[-1] == "ring-1.1" and "a.6" in over
    assert [x["text"] for x in events(lines, "in-vain")] == \
        ["heal a: no partition is named 'a'"]
    assert events(lines, "replica-down") and events(lines, "replica-up")


def test_a_server_is_killed_and_started_again(play):
    lines = play("lab: {replicas: 1}\n"
                 "steps:\n"
                 "  - {at: 0s, kill: r2}\n"
                 "  - {at: 0s, kill: r2}\n"
                 "  - {when: node r2 down, restart: r2}\n"
                 "  - {when: node r2 up, say: back, end: true}\n"
                 "for: 30s\n"
                 "expect: [node r2 up, in-sync within 10s, sessions r2->r1 == 1]\n")
    order = [x["event"] for x in lines[:-1]]
    assert order.index("node-down") < order.index("restart") < order.index("node-up")
    assert [x["text"] for x in events(lines, "say")] == ["back"]


def test_a_stopped_server_hangs_and_goes_on(play):
    lines = play("lab: {replicas: 0}\n"
                 "steps:\n"
                 "  - {at: 0s, stop: r1}\n"
                 "  - {at: 0s, name: get, run: redis-cli -u $URL_M GET k}\n"
                 "  - {at: 500ms, cont: r1}\n"
                 "expect: [run get exits 0, node r1 up]\n")
    ended = events(lines, "run-end")[0]
    assert ended["t"] > 0.5


def test_a_restart_of_a_running_server_keeps_its_data(play):
    play("lab: {replicas: 0, persistence: aof}\n"
         "steps:\n"
         "  - {at: 0s, name: set, run: redis-cli -u $URL_M SET k v}\n"
         "  - {at: 500ms, restart: r1}\n"
         "  - {when: node r1 up, name: get, "
         "run: 'test $(redis-cli -u $URL_M GET k) = v'}\n"
         "for: 3s\n"
         "expect: [run set exits 0, run get exits 0]\n")


# Programs.

def test_what_a_program_prints_is_in_the_timeline_and_its_status_counts(play):
    lines = play("lab: {replicas: 0}\n"
                 "steps:\n"
                 "  - {at: 0s, name: good, run: [sh, -c, 'echo one; echo two']}\n"
                 "  - {at: 0s, name: bad, run: 'echo oops >&2; exit 3'}\n"
                 "  - {at: 0s, name: me, run: [sunder, --version]}\n"
                 "expect: [run good exits 0, run bad exits 3, run me exits 0]\n")
    out = [(x["run"], x["line"]) for x in events(lines, "output")]
    assert [line for run, line in out if run == "good"] == ["one", "two"]
    assert ("bad", "oops") in out
    assert any(run == "me" and line.startswith("sunder ") for run, line in out)


def test_what_a_program_prints_need_not_be_text(play):
    lines = play(r"""
lab: {replicas: 0}
steps:
  - {at: 0s, name: say, run: "printf 'caf\\351 ol\\303\\251 \\360\\237\\n\\303'"}
expect: [run say exits 0]
""")
    assert [x["line"] for x in events(lines, "output")] == ["caf? olé ??", "?"]


def test_a_program_is_waited_for_when_the_steps_are_over(play):
    lines = play("lab: {replicas: 0}\n"
                 "steps: [{at: 0s, name: slow, run: sleep 1}]\n"
                 "for: 100ms\n"
                 "expect: [run slow exits 0]\n")
    assert events(lines, "run-end")[0]["t"] >= 1 and lines[-1]["seconds"] < 1


def test_a_program_that_is_not_there_fails_the_scenario(play):
    lines = play("lab: {replicas: 0}\n"
                 "steps: [{at: 0s, name: x, run: [no-such-program]}]\n", status=1)
    assert "No such file" in events(lines, "failed")[0]["text"]
    assert lines[-1]["steps_failed"] and not lines[-1]["met"]


# Verdicts.

def test_what_was_expected_and_is_not_makes_it_fail(play):
    lines = play("lab: {replicas: 1}\n"
                 "rules: ['a: on client -> r1 do hang']\n"
                 "steps: [{at: 0s, kill: r2}]\n"
                 "for: 100ms\n"
                 "expect: [fired a >= 1, node r2 up, node r1 up, in-sync within 100ms, "
                 "sessions r2->r1 >= 1]\n", status=1)
    assert [(x["met"], x["seen"]) for x in lines[-1]["expect"]] == [
        (False, "0"), (False, "it is down"), (True, "it is up"),
        (True, lines[-1]["expect"][3]["seen"]), (False, "0")]


def test_a_replica_that_is_held_back_is_not_in_sync(play):
    lines = play("lab: {replicas: 1}\n"
                 "rules: [on r2 -> r1 replies do hang]\n"
                 "steps: [{at: 0s, name: w, run: redis-cli -u $URL_M SET k v}]\n"
                 "expect: [run w exits 0, in-sync within 300ms]\n", status=1)
    sync = lines[-1]["expect"][1]
    assert not sync["met"] and sync["seen"].endswith("bytes behind r1")


def test_the_same_seed_gives_the_same_decisions(play, tmp_path):
    text = ("lab: {replicas: 0}\n"
            "rules: ['x: on client -> r1 when command=GET chance=50% do latency 1us']\n"
            "steps: [{at: 0s, name: w, run: 'for i in 1 2 3 4 5 6 7 8 9 10; do "
            "redis-cli -u $URL_M GET k; done'}]\n")

    def decided(seed, name):
        play(text, "--seed", seed, "--journal", str(tmp_path / name))
        with open(tmp_path / name, encoding="utf-8") as f:
            return [line.split(" rule=")[1] for line in f if line.startswith("ev=dec")]
    assert decided("5", "a") == decided("5", "b") != decided("6", "c")


# What a person gets wrong, and Ctrl-C.

@pytest.mark.parametrize("text, why", [
    ("steps:\n  - {at: 1s, kil: r1}\n",
     "unknown key 'kil' in a step (line 2, column 14)\nhint: did you mean 'kill'?"),
    ("for: 1s\nexpect: [node r7 up]\n",
     "there is no node 'r7' (line 2, column 10)\nhint: there is r1 r2 r3"),
])
def test_a_wrong_file_is_one_line_and_a_hint(tmp_path, text, why):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    for verb in ("run", "check"):
        done = sunder("scenario", verb, str(path))
        assert done.returncode == 2 and done.stdout == ""
        assert done.stderr == f"sunder scenario: {why}\n"


def test_a_file_that_is_not_there_and_words_that_are_wrong():
    assert sunder("scenario", "run", "/no/such").returncode == 3
    assert sunder("scenario", "fly", "x").returncode == 2
    assert sunder("scenario").returncode == 2
    assert sunder("scenario", "run", "x", "-o", "xml").returncode == 2


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_after_a_signal(tmp_path, sig):
    path = tmp_path / "x.yaml"
    path.write_text("steps:\n"
                    "  - {at: 0s, run: 'echo running; sleep 100; echo never'}\n"
                    "  - {at: 0s, isolate: r1}\n"
                    "for: 100s\n")
    (tmp_path / "tmp").mkdir()
    with subprocess.Popen([SUNDER, "scenario", "run", str(path)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL,
                          env={**os.environ, "TMPDIR": str(tmp_path / "tmp")}) as p:
        while "| running" not in (line := p.stdout.readline()):
            assert line, p.stderr.read()
        pids = family(p.pid)
        try:
            p.send_signal(sig)
            assert p.wait(DEADLINE) == 128 + sig
            wait_until(lambda: not any(map(alive, pids)), f"all of {pids} are gone")
            wait_until(lambda: os.listdir(tmp_path / "tmp") == [], "its files are gone")
        finally:
            sweep(pids[1:], str(tmp_path / "tmp"))


def test_a_server_that_dies_by_itself_ends_it(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("lab: {replicas: 1}\n"
                    "steps: [{at: 0s, run: redis-cli -u $URL_R SHUTDOWN NOSAVE}]\n"
                    "for: 100s\n")
    done = sunder("scenario", "run", str(path), env={"TMPDIR": str(tmp_path)})
    assert done.returncode == 3
    assert "r2 has died" in done.stderr and "r2|" in done.stderr
