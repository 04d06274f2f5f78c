"""What the shells offer behind `sunder`: always what there is."""

import os
import re
import shutil
import subprocess
import time

import pytest

from conftest import DEADLINE, PING, PONG, SUNDER, pong

def offered(*words):
    done = subprocess.run([SUNDER, "completion", "words", *words], capture_output=True,
                          text=True, timeout=DEADLINE, check=True)
    return done.stdout.split()


def options(*words):
    text = subprocess.run([SUNDER, *words, "--help"], capture_output=True, text=True,
                          timeout=DEADLINE, check=True).stdout
    return re.findall(r"^  (?:-\w, |    )(--[\w-]+)", text, re.M)


def test_every_option_of_every_command_is_offered():
    text = subprocess.run([SUNDER, "--help"], capture_output=True, text=True,
                          check=True).stdout
    commands, verbs = (re.findall(r"^  ([a-z]+)  ", part, re.M)
                       for part in text.split("running proxy"))
    assert "proxy" in commands and set(commands) <= set(offered(""))
    assert "heal" in verbs and set(verbs) <= set(offered(""))
    for verb in verbs:
        assert set(options(verb)) <= set(offered(verb, "--"))
    for command in commands:
        assert offered(command, "--") == options(command)
        for second in offered(command, ""):
            if second != "@file" and options(command, second):
                assert offered(command, second, "--") == options(command, second)


def test_second_words_are_offered():
    assert {"stale", "retry", "list"} <= set(offered("exercise", ""))
    assert {"stale", "pubsub"} <= set(offered("probe", ""))
    assert offered("journal", "") == ["replay", "tail"]
    assert {"add", "list", "del", "clear"} <= set(offered("rule", ""))
    assert offered("rule", "a") == ["add"]


def test_behind_help_is_offered_what_it_can_be_about():
    assert offered("hel") == ["help", "hello"]
    assert set(offered("help", "")) == set(offered(""))
    assert offered("help", "rule", "a") == offered("rule", "a") == ["add"]
    assert offered("help", "exercise", "st") == ["stale"]


def test_values_are_offered():
    assert offered("proxy", "--when-down", "") == ["reset", "refuse"]
    assert offered("cut", "a", "b", "--how", "r") == ["reset", "refuse"]
    assert offered("status", "-o", "") == ["text", "wide", "json"]
    assert offered("proxy", "--config", "") == ["@file"]


@pytest.fixture
def live(sunder, upstream, monkeypatch):
    rules = [f"{name}: on client -> r1 when key=x do latency 1ms"
             for name in ("slow", "late")]
    proxy = sunder(upstream().serve(pong), rules, "--api", "127.0.0.1:0")
    monkeypatch.setenv("SUNDER_API", proxy.event("api")["address"])
    with proxy.dial().sock as sock:
        sock.sendall(PING)
        assert sock.recv(len(PONG)) == PONG
        subprocess.run([SUNDER, "cut", "client", "r1", "--name", "away", "--how",
                        "refuse"], check=True, capture_output=True)
        yield proxy


WORDS = {"master", "replica", "sentinel", "client"}


def test_names_are_those_of_the_running_proxy(live, monkeypatch):
    assert set(offered("cut", "")) == set(offered("cut", "r1", "")) == {"r1"} | WORDS
    assert offered("cut", "r1", "client", "") == []
    assert offered("isolate", "--how", "hang", "r") == ["r1", "replica"]
    assert set(offered("split", "r1,client/m")) == {"r1,client/master"}
    assert {"slow", "late"} <= set(offered("rule", "del", ""))
    assert offered("rule", "del", "s") == ["slow"]
    assert offered("heal", "") == ["away"]
    assert offered("session", "kill", "") == ["1"]
    monkeypatch.delenv("SUNDER_API")
    at = live.event("api")["address"]
    assert offered("heal", "--api", at, "") == ["away"]


@pytest.mark.parametrize("where", ["127.0.0.1:1", "nonsense", "no.such.name.invalid:1"])
def test_without_a_proxy_nothing_is_said_about_it(where):
    done = subprocess.run([SUNDER, "completion", "words", "heal", "--api", where, ""],
                          capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (done.stdout, done.stderr) == ("", "")


def test_one_that_is_silent_is_waited_for_only_for_a_moment(upstream):
    server = upstream()
    start = time.monotonic()
    assert offered("heal", "--api", server.address, "") == []
    assert time.monotonic() - start < 5


def in_bash(*words):
    script = f"""source <({SUNDER} completion bash)
        COMP_WORDS=({SUNDER} {" ".join(w or "''" for w in words)})
        COMP_CWORD={len(words)}
        _sunder; printf '%s\\n' "${{COMPREPLY[@]}}" """
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True,
                          timeout=DEADLINE, check=True).stdout.split()


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_bash_gets_them():
    assert in_bash("pro") == ["proxy", "probe"]
    assert in_bash("exercise", "") == offered("exercise", "")
    assert in_bash("proxy", "--config", "") == []


@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh")
def test_zsh_gets_them(tmp_path):
    functions = tmp_path / "_sunder"
    with open(functions, "w", encoding="utf-8") as f:
        subprocess.run([SUNDER, "completion", "zsh"], stdout=f, check=True)
    script = f"""fpath=({tmp_path} $fpath); autoload -Uz _sunder
        compadd() {{ shift; print -l -- "$@" }}; compdef() {{ : }}
        words=({SUNDER} pro); CURRENT=2; _sunder"""
    done = subprocess.run(["zsh", "-fc", script], capture_output=True, text=True,
                          timeout=DEADLINE, check=True, env={**os.environ})
    assert done.stdout.split() == ["proxy", "probe"]


def test_an_unknown_shell_is_refused():
    done = subprocess.run([SUNDER, "completion", "fish"], capture_output=True, text=True,
                          timeout=DEADLINE, check=False)
    assert done.returncode == 2 and "bash or zsh" in done.stderr
