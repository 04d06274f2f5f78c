"""What the shells offer behind `sunder`: always what there is."""

import os
import re
import shutil
import subprocess

import pytest

from conftest import DEADLINE, SUNDER

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
    commands = re.findall(r"^  ([a-z]+)  ", text, re.M)
    assert "proxy" in commands and set(commands) <= set(offered(""))
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


def test_values_are_offered():
    assert offered("proxy", "--when-down", "") == ["reset", "refuse"]
    assert offered("cut", "a", "b", "--how", "r") == ["reset", "refuse"]
    assert offered("status", "-o", "") == ["text", "wide", "json"]
    assert offered("proxy", "--config", "") == ["@file"]


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
