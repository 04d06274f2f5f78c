"""`sunder exercise`: a verdict that can be trusted, and nothing left behind."""

import json
import os
import re
import shutil
import signal
import subprocess

import pytest
from labs import DEADLINE, SUNDER, alive, family, sunder, sweep, wait_until

pytestmark = [pytest.mark.alone,
              pytest.mark.skipif(not (shutil.which("redis-server") or
                                      shutil.which("valkey-server")),
                                 reason="no redis-server")]

SMALL = ["--pairs", "10", "--ops", "100"]


@pytest.fixture(scope="module")
def stale(tmp_path_factory):
    """One small run for all tests that only look at what it says."""
    tmp = tmp_path_factory.mktemp("stale")
    out = sunder("exercise", "stale", *SMALL, "--lag", "50ms", "-o", "json",
                 env={"TMPDIR": str(tmp)}, deadline=120)
    assert out.stdout, out.stderr
    return out, json.loads(out.stdout), tmp


def rows_of(result):
    return {row["name"]: row for row in result["rows"]}


def test_the_lag_makes_reads_stale_and_wait_makes_them_fresh(stale):
    out, result, _ = stale
    rows = rows_of(result)
    assert list(rows) == ["direct", "proxied", "lag 50ms", "lag 50ms, WAIT 2"]
    assert rows["lag 50ms"]["reads"]["rate"] >= 0.99
    assert rows["lag 50ms, WAIT 2"]["reads"]["stale"] == 0
    assert rows["lag 50ms, WAIT 2"]["reads"]["total"] > 0
    assert result["lag_ms"] == 50
    assert result["verdict"]["met"] is True, result["verdict"]
    assert out.returncode == 0


def test_the_settle_time_sits_at_the_injected_lag(stale):
    settle = rows_of(stale[1])["lag 50ms"]["settle_ms"]
    assert settle["samples"] >= 50
    assert 50 <= settle["p50"] <= 55


def test_the_control_rows_show_what_the_lag_adds(stale):
    rows = rows_of(stale[1])
    for name in ("direct", "proxied"):
        assert rows[name]["reads"]["rate"] < 0.9
        assert rows[name]["settle_ms"]["p50"] < 40


def test_only_the_direct_row_goes_round_the_proxy(stale):
    rows = rows_of(stale[1])
    for name, row in rows.items():
        net = "127.0.1." if name == "direct" else "127.0.2."
        assert all(net in url for url in [row["write"], *row["read"]])


def test_each_check_of_the_verdict_says_what_was_expected_and_seen(stale):
    checks = stale[1]["verdict"]["checks"]
    assert len(checks) == 3
    assert all(check["met"] and "expected" in check["text"] for check in checks)


def test_it_leaves_no_file(stale):
    assert not list(stale[2].glob("sunder-lab*"))


def test_nothing_but_the_result_is_printed_when_nobody_watches(stale):
    assert stale[0].stderr == ""
    assert stale[0].stdout.count("\n") == 1


def test_an_expectation_that_is_not_met_gives_exit_status_1(tmp_path):
    """A lag of a microsecond is no lag."""
    out = sunder("exercise", "stale", "--pairs", "1", "--ops", "200", "--lag", "1us",
                 env={"TMPDIR": str(tmp_path)})
    assert out.returncode == 1, out.stderr
    unmet = r"^NOT MET +with the lag .* expected at least 99 %$"
    assert re.search(unmet, out.stdout, re.M)
    assert "Expectation NOT met" in out.stdout


def test_lines_are_those_of_the_tutorial(tmp_path):
    out = sunder("exercise", "stale", *SMALL, "--lag", "20ms", "--lines",
                 env={"TMPDIR": str(tmp_path)})
    wrong = r"^Wrong value: client_\d+ got: \d+ expected: \d+$"
    assert re.search(wrong, out.stdout, re.M)
    done = re.findall(r"^Done: client_\d+ total_reads: \d+ stale_reads: \d+ "
                      r"error_rate: [\d.]+$", out.stdout, re.M)
    assert len(done) == 10
    assert re.search(r"^10 clients all done$", out.stdout, re.M)
    assert "WAIT 2" in out.stdout


def test_lines_stay_out_of_json(tmp_path):
    out = sunder("exercise", "stale", *SMALL, "--lag", "20ms", "--lines", "-o", "json",
                 env={"TMPDIR": str(tmp_path)})
    assert json.loads(out.stdout)["exercise"] == "stale"
    assert "10 clients all done" in out.stderr


def test_a_kept_directory_has_the_logs_of_both_labs(tmp_path):
    keep = tmp_path / "kept"
    out = sunder("exercise", "stale", "--pairs", "1", "--ops", "20", "--lag", "5ms",
                 "--keep", str(keep))
    assert out.returncode in (0, 1), out.stderr
    for lab in ("direct", "proxied"):
        assert "Ready to accept" in (keep / lab / "r1" / "log").read_text()


# However it ends.

class Running:
    """An exercise that would take long, and all the processes it has started so far."""

    def __init__(self, tmp_path):
        self.tmp_path = tmp_path
        self.seen = []
        self.process = subprocess.Popen(
            [SUNDER, "exercise", "stale", "--ops", "100000000"], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)})

    def command(self, pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                return f.read().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return []

    def probing(self):
        """All its processes, once the probe is among them."""
        self.seen = pids = family(self.process.pid)
        return pids if any(b"probe" in self.command(p) for p in pids) else None

    def servers(self, pids):
        """redis-server rewrites its command line to its name and address."""
        return [p for p in pids if b"127.0.1." in b" ".join(self.command(p)[:1])]

    def assert_nothing_left(self, pids):
        wait_until(lambda: not any(map(alive, pids)), f"all of {pids} are gone")
        wait_until(lambda: not list(self.tmp_path.glob("sunder-lab*")), "no directory")


@pytest.fixture
def running(tmp_path):
    run = Running(tmp_path)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.kill()
        sweep(run.seen, run.tmp_path)
        run.process.communicate()


@pytest.mark.parametrize("sig,status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_and_leaves_nothing(running, sig, status):
    pids = wait_until(running.probing, "the probe runs")
    running.process.send_signal(sig)
    assert running.process.wait(DEADLINE) == status
    running.assert_nothing_left(pids)


def test_kill_9_leaves_nothing_either(running):
    pids = wait_until(running.probing, "the probe runs")
    running.process.kill()
    running.process.wait(DEADLINE)
    running.assert_nothing_left(pids)


def test_a_server_that_dies_under_it_ends_it_with_its_name(running):
    pids = wait_until(running.probing, "the probe runs")
    os.kill(running.servers(pids)[0], signal.SIGKILL)
    assert running.process.wait(DEADLINE) == 3
    err = running.process.stderr.read()
    assert re.search(r"^sunder exercise stale: r\d has died: signal 9", err, re.M), err
    running.assert_nothing_left(pids)


# The command line.

def test_the_list_names_every_exercise():
    out = sunder("exercise", "list")
    assert out.returncode == 0 and re.search(r"^stale +\w", out.stdout, re.M)


@pytest.mark.parametrize("args,words", [
    ([], "which exercise?"),
    (["stael"], "did you mean 'stale'?"),
    (["stale", "--lag", "0"], "--lag"),
    (["stale", "--lag", "50"], "--lag"),
    (["stale", "--pairs", "0"], "at least 1"),
    (["stale", "--replicas", "0"], "1 to 9"),
    (["stale", "-o", "xml"], "'xml'"),
    (["stale", "extra"], "'extra'"),
])
def test_a_wrong_command_line_is_one_line_and_a_hint(args, words):
    out = sunder("exercise", *args)
    assert out.returncode == 2, out.stderr
    assert words in out.stderr and 1 <= out.stderr.count("\n") <= 2
    assert out.stdout == ""


def test_without_any_server_it_says_what_to_install(tmp_path):
    out = sunder("exercise", "stale", env={"PATH": str(tmp_path)})
    assert out.returncode == 3 and "apt-get install redis-server" in out.stderr
