"""`sunder rule`, `cut`, `status` ...: the command line of a running proxy."""

import json
import subprocess

import pytest

from conftest import DEADLINE, SUNDER


@pytest.fixture
def command(sunder, upstream):
    """command(words...) runs one against a proxy with one node; .proxy is that proxy."""
    proxy = sunder(upstream(), [], "--api", "127.0.0.1:0")
    where = proxy.event("api")["address"]

    def run(*words, api=where):
        return subprocess.run([SUNDER, *words], capture_output=True, text=True,
                              check=False, timeout=DEADLINE, env={"SUNDER_API": api})
    run.proxy = proxy
    return run


def test_rules_come_and_go(command):
    sentence = "slow: on client -> r1 do latency 5ms"
    assert command("rule", "add", sentence).returncode == 0
    assert command("rule", "list").stdout == sentence + "\n"
    assert command("rule", "add", *"on client -> r1 do hang".split()).returncode == 0
    assert json.loads(command("rule", "list", "-o", "json").stdout) == [
        sentence, "rule-1: on client -> r1 do hang"]
    assert command("rule", "del", "slow").stdout == "1\n"
    assert command("rule", "clear").stdout == "1\n"
    assert command("rule", "list").stdout == ""


def test_partitions_take_options(command):
    done = command("cut", "client", "r1", "--how", "refuse", "--for", "1h",
                   "--name", "wall")
    assert done.returncode == 0 and "wall" in done.stdout
    assert "wall.1: on client <-> r1 do refuse for 1h" in command("rule", "list").stdout
    assert command("heal", "wall").returncode == 0
    assert command("rule", "list").stdout == ""


def test_a_table_for_people_and_json_for_machines(command):
    command.proxy.dial()
    lines = command("nodes").stdout.splitlines()
    assert lines[0].split() == ["name", "kind", "role", "listen", "upstream", "listening",
                                "sessions"]
    assert lines[1].split()[:3] == ["r1", "redis", "master"]
    status = json.loads(command("status", "-o", "json").stdout)
    assert status["nodes"][0]["name"] == "r1" and "rules" in status


@pytest.mark.parametrize("words, status, said", [
    (["rule", "ad", "x"], 2, "did you mean 'RULE ADD'"),
    (["rule", "add", "on client -> r1 do latancy 5ms"], 2, "did you mean 'latency'"),
    (["rule", "del", "nobody"], 2, "no rule is named 'nobody'"),
    (["cut", "client"], 2, "missing 'b'"),
    (["nodes", "-o", "xml"], 2, "text or json"),
    (["nodes", "--api", "127.0.0.1:1"], 3, "is `sunder proxy` running"),
])
def test_what_is_wrong_gets_a_line_a_hint_and_a_status(command, words, status, said):
    done = command(*words)
    assert done.returncode == status and done.stdout == ""
    assert said in done.stderr and len(done.stderr.splitlines()) <= 2


def test_help_is_there(command):
    done = command("cut", "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: sunder cut")
