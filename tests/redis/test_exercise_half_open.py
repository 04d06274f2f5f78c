"""`sunder exercise half-open`: who notices that a server is silent, and when.

When the tests run as root, this one runs as somebody who may nothing: that it needs no
privilege is part of what it promises.
"""

import glob
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

import pytest
from exercises import Outcome, needs_redis
from labs import DEADLINE, SUNDER, family, sunder, sweep, wait_until

pytestmark = needs_redis

KERNEL = ["idle_ms", "idle_keepalive_ms", "busy_ms", "busy_keepalive_ms",
          "busy_user_timeout_ms"]


def nobody(tmp):
    """What makes a subprocess run as nobody, in a copy that nobody may read."""
    if os.geteuid() != 0:
        return SUNDER, {}
    user = pwd.getpwnam("nobody")
    binary = shutil.copy(SUNDER, tmp)
    os.chown(tmp, user.pw_uid, user.pw_gid)
    return binary, {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@pytest.fixture(scope="module")
def half_open():
    # Not below pytest's own directory: each pytest that starts closes that to others.
    with tempfile.TemporaryDirectory() as tmp:
        binary, who = nobody(tmp)
        done = subprocess.run([binary, "exercise", "half-open", "-o", "json"], cwd="/",
                              capture_output=True, text=True, check=False, timeout=120,
                              stdin=subprocess.DEVNULL, **who,
                              env={**os.environ, "TMPDIR": tmp})
        if done.returncode == 3 and "network of our own" in done.stderr:
            pytest.skip("neither packet filters nor user namespaces without root")
        outcome = Outcome(done)
        assert not glob.glob(f"{tmp}/sunder-lab*"), done
    return outcome


def noticed(row):
    return {k: v for k, v in row.items() if k.endswith("_ms") and k != "silent_ms" and v}


def test_nobody_notices_anything_without_a_fault(half_open):
    for name in ("direct", "proxied"):
        assert noticed(half_open.rows[name]) == {}
        assert half_open.rows[name]["silent_ms"] < 1000


def test_a_server_that_hangs_is_noticed_by_nothing_but_the_clients_own_timeout(half_open):
    row = half_open.rows["hang"]
    assert all(row[k] is None for k in KERNEL)
    assert 1000 <= row["command_timeout_ms"] <= 2000
    assert row["dialing"] == "connects, and nobody answers"


def test_a_pulled_cable_is_noticed_by_keepalive_when_idle(half_open):
    row = half_open.rows["blackhole"]
    assert 2000 <= row["idle_keepalive_ms"] <= 4500
    assert row["busy_keepalive_ms"] is None


def test_a_pulled_cable_is_noticed_by_user_timeout_when_busy(half_open):
    row = half_open.rows["blackhole"]
    assert 3000 <= row["busy_user_timeout_ms"] <= 4500
    assert row["idle_ms"] is row["busy_ms"] is None


def test_a_pulled_cable_leaves_connect_hanging(half_open):
    assert half_open.rows["blackhole"]["dialing"] == "cannot connect: nobody answers"


def test_all_of_it_is_what_is_expected(half_open):
    half_open.assert_met()


def test_a_signal_ends_it_and_leaves_nothing(tmp_path):
    """In the network of its own as well, if that is where it is."""
    run = subprocess.Popen([SUNDER, "exercise", "half-open"], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                           env={**os.environ, "TMPDIR": str(tmp_path)})
    pids = []

    def probing():
        pids[:] = family(run.pid)
        for pid in pids[1:]:
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    if b"half-open" in f.read().split(b"\0"):
                        return True
            except (FileNotFoundError, ProcessLookupError):
                pass
        return False

    try:
        wait_until(probing, "the probe runs")
        run.send_signal(signal.SIGTERM)
        assert run.wait(DEADLINE) == 143
        wait_until(lambda: not any(os.path.exists(f"/proc/{p}") for p in pids[1:]),
                   "all are gone")
        assert not list(tmp_path.glob("sunder-lab*"))
    finally:
        if run.poll() is None:
            run.kill()
        sweep(pids, tmp_path)
        run.communicate()


# What all of them have in common.

EXERCISES = ["retry", "pipeline", "half-open", "pubsub-gap", "loading"]


@pytest.mark.parametrize("name", EXERCISES)
def test_each_has_a_line_in_the_list_a_help_and_one_line_for_what_is_wrong(name):
    listed = sunder("exercise", "list")
    assert any(line.split()[0] == name for line in listed.stdout.splitlines())
    shown = sunder("exercise", name, "--help")
    assert shown.returncode == 0 and f"sunder exercise {name}" in shown.stdout
    for words, said in ((["extra"], "'extra'"), (["-o", "xml"], "'xml'"),
                        (["--elephants"], "elephants")):
        wrong = sunder("exercise", name, *words)
        assert (wrong.returncode, wrong.stdout) == (2, "")
        assert said in wrong.stderr and wrong.stderr.count("\n") <= 2


@pytest.mark.parametrize("name", EXERCISES)
def test_without_any_server_each_says_what_to_install(name, tmp_path):
    done = sunder("exercise", name, env={"PATH": str(tmp_path)})
    assert done.returncode == 3 and "apt-get install redis-server" in done.stderr


@pytest.mark.parametrize("args,said", [
    (["retry", "--ops", "9"], "--ops"),
    (["pubsub-gap", "--messages", "99"], "--messages"),
])
def test_too_few_for_the_fault_to_show_is_refused(args, said):
    done = sunder("exercise", *args)
    assert done.returncode == 2 and said in done.stderr


def test_the_directories_are_kept_when_asked_for(tmp_path):
    keep = tmp_path / "kept"
    done = sunder("exercise", "retry", "--keep", str(keep), "-o", "json")
    assert json.loads(done.stdout)["verdict"]["met"], done.stdout
    for lab in ("direct", "proxied"):
        assert "Ready to accept" in (keep / lab / "r1" / "log").read_text()
