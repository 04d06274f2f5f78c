"""The three questions of README.md: each is one command, and the exit code answers it."""

import os
import re
import subprocess

import pytest
from exercises import needs_redis
from labs import DEADLINE, ROOT, SUNDER

pytestmark = needs_redis


@pytest.fixture
def ask(tmp_path):
    """ask(beginning) runs the command under the question that begins so."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        section = f.read().split("### Three questions")[1].split("\n### ")[0]
    commands = dict(re.findall(r"^# (.*)\n(.*)", section, re.M))
    assert len(commands) == 3
    os.symlink(SUNDER, tmp_path / "sunder")
    path = f"{tmp_path}:{os.environ['PATH']}"

    def run(beginning, **words):
        command = next(c for q, c in commands.items() if q.startswith(beginning))
        for old, new in words.items():
            command = command.replace(old, new)
        return subprocess.run(["sh", "-c", command], capture_output=True, text=True,
                              timeout=2 * DEADLINE, check=False, cwd=tmp_path,
                              env={**os.environ, "PATH": path, "TMPDIR": str(tmp_path)})
    return run


def test_a_retry_that_counts_twice_is_not_safe(ask):
    done = ask("Is my retry safe?")
    assert done.returncode == 1 and "NOT MET  twice=0" in done.stdout, done


def test_a_retry_with_a_token_is_safe(ask):
    done = ask("Is my retry safe?", retry="retry --token", INCR="INCR,EVAL")
    assert done.returncode == 0 and "  met  twice=0" in done.stdout, done
    assert re.search(r"sent again +[1-9]", done.stdout), "it had to"


def test_a_failover_on_command_loses_writes(ask):
    done = ask("What do I lose at failover?")
    assert done.returncode == 1 and "NOT MET  lost=0" in done.stdout, done


def test_whose_master_is_killed_says_whether_it_found_another(ask, tmp_path):
    test = tmp_path / "your-test"
    test.write_text("#!/bin/sh\nsunder sentinel wait --timeout 1m >found && exit 7")
    test.chmod(0o755)
    done = ask("Does my client find the new master?")
    assert done.returncode == 7 and "previous  127.0.2.1:" in done.stdout, done
    assert "new " in (tmp_path / "found").read_text()
