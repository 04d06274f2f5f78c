"""`sunder rule`, `cut`, `status` ...: the command line of a running proxy."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from conftest import DEADLINE, PING, SUNDER


@pytest.fixture
def command(sunder, upstream):
    """command(words...) runs one against a proxy with one node; .proxy is that proxy."""
    server = upstream()
    proxy = sunder(server, [], "--api", "127.0.0.1:0")
    where = proxy.event("api")["address"]

    def run(*words, api=where):
        return subprocess.run([SUNDER, *words], capture_output=True, text=True,
                              check=False, timeout=DEADLINE, env={"SUNDER_API": api})
    run.proxy, run.server, run.api = proxy, server, where
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


def test_groups_are_typed_with_spaces_or_without(command):
    for words in (["r1", "/", "client"], ["r1/client"], ["r1", "/client"],
                  ["r1/", "client"]):
        done = command("split", *words, "--name", "brain")
        assert done.returncode == 0, done.stderr
        assert command("rule", "list").stdout.startswith("brain.1: on r1 <-> client do")
        assert command("heal", "brain").returncode == 0


VERBS = ["status", "nodes", "links", "sessions", "info", "session kill", "journal tail",
         "rules", "rule list", "rule add", "rule del", "rule set", "rule clear", "cut",
         "isolate", "split", "ring", "bridge", "heal", "scenario play", "scenario stop",
         "scenario show"]


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_a_help_of_its_own(command, verb):
    done = command(*verb.split(), "--help")
    assert done.returncode == 0 and done.stdout.startswith(f"usage: sunder {verb} ")
    assert done.stdout.splitlines()[-1].startswith(f"  sunder {verb}")
    assert ("--how hang|blackhole|reset|refuse" in done.stdout) == \
        (verb in ("cut", "isolate", "split", "ring", "bridge"))


@pytest.mark.parametrize("words", ["proxy", "cut", "rule add", "probe", "probe stale",
                                   "exercise retry", "topology check", "rule", "nobody"])
def test_help_before_a_command_is_its_help(words):
    before, behind = (subprocess.run([SUNDER, *line], capture_output=True, text=True,
                                     check=False, timeout=DEADLINE)
                      for line in (["help", *words.split()], [*words.split(), "--help"]))
    assert (before.returncode, before.stdout, before.stderr) == \
        (behind.returncode, behind.stdout, behind.stderr)
    assert before.returncode == (2 if words == "nobody" else 0)


@pytest.mark.parametrize("words", [["help"], ["help", "help"], ["--help"]])
def test_help_alone_names_the_commands(words):
    done = subprocess.run([SUNDER, *words], capture_output=True, text=True, check=False,
                          timeout=DEADLINE)
    assert done.returncode == 0 and "\n  proxy " in done.stdout


def test_a_word_that_begins_several_verbs_lists_them(command):
    done = command("rule", "--help")
    assert done.returncode == 0
    for verb in ("add rule...", "list", "del name", "set rules...", "clear"):
        assert f"\nrule {verb}: " in done.stdout


@pytest.mark.parametrize("words,said,hint", [
    (["cut", "r1"], "sunder cut: missing 'b'", "sunder cut a b [--how "),
    (["cut", "a", "b", "--hwo", "reset"], "one word too many: 'hwo'", "sunder cut a b ["),
    (["rule"], "sunder rule: rule what?", "sunder rule --help"),
])
def test_a_wrong_word_is_answered_in_the_words_of_the_shell(command, words, said, hint):
    done = command(*words)
    assert done.returncode == 2 and done.stdout == ""
    first, second = done.stderr.splitlines()
    assert said in first and second.startswith("hint: ") and hint in second


def test_a_table_for_people_and_json_for_machines(command):
    command.proxy.dial()
    lines = command("nodes").stdout.splitlines()
    assert lines[0].split() == ["name", "kind", "role", "listen", "upstream", "listening",
                                "sessions"]
    assert lines[1].split()[:3] == ["r1", "redis", "master"]
    status = json.loads(command("status", "-o", "json").stdout)
    assert status["nodes"][0]["name"] == "r1" and "rules" in status


def test_sessions_are_told_with_what_acts_on_them(command):
    command("rule", "add", "slow: on client -> r1 do latency 1us")
    command("rule", "add", "other: on r1 -> r1 do latency 1us")
    dialer = command.proxy.dial()
    dialer.send(PING)
    command.server.accept().expect(PING)
    narrow, wide = (command("sessions", *how).stdout.splitlines()
                    for how in ((), ("-o", "wide")))
    rows = [dict(zip(lines[2].split(), lines[3].split())) for lines in (narrow, wide)]
    for row in rows:
        assert row["requests.bytes"] == str(len(PING)) and row["rules"] == "slow"
    assert "requests.frames" in rows[1] and "requests.frames" not in rows[0]
    session = json.loads(command("sessions", "-o", "json").stdout)["sessions"][0]
    assert session["rules"] == ["slow"]


def test_watching_follows_rates_and_ends_after_so_many_looks(command):
    command("rule", "add", "slow: on client -> r1 requests do latency 1us")
    dialer = command.proxy.dial()
    peer = command.server.accept()
    with subprocess.Popen([SUNDER, "status", "--watch", "--interval", "100ms", "--count",
                           "3"], stdout=subprocess.PIPE, text=True,
                          env={"SUNDER_API": command.api}) as watch:
        while watch.poll() is None:
            dialer.send(PING)
            peer.expect(PING)
        pictures = watch.stdout.read().split("\n\nsunder ")
    assert watch.returncode == 0 and len(pictures) == 3
    for picture in pictures:
        assert re.search(r"^client +1 latency", picture, re.M)
        assert re.search(r"^client -> r1 +1 ", picture, re.M)
    acted = re.search(r"^ *(\S+) +(\S+) +- +slow: on client", pictures[-1], re.M)
    assert acted and acted[1] != "0" and acted[2] not in ("0", "-")
    assert "\033" not in "".join(pictures)


def test_watching_ends_when_nobody_can_read_it(command):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([SUNDER, "status", "--watch", "--interval", "10ms"],
                              stdout=full, stderr=subprocess.PIPE, text=True, check=False,
                              env={"SUNDER_API": command.api}, timeout=DEADLINE)
    assert done.returncode == 3 and "cannot write the output" in done.stderr


def watch_on_terminal(command, term, want):
    """What it writes to a terminal until that holds what is wanted, and after Ctrl-C."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 40, 0, 0))
    with subprocess.Popen([SUNDER, "status", "--watch", "--interval", "50ms"],
                          stdin=side, stdout=side, stderr=side, start_new_session=True,
                          env={"SUNDER_API": command.api, "TERM": term}) as watch:
        os.close(side)
        got, end = b"", time.monotonic() + DEADLINE
        while want not in got and time.monotonic() < end:
            if select.select([main], [], [], 0.1)[0]:
                got += os.read(main, 65536)
        watch.send_signal(signal.SIGINT)
        try:
            while part := os.read(main, 65536):
                got += part
        except OSError:  # how a terminal says that nobody is left
            pass
        assert watch.wait(DEADLINE) == 0
    os.close(main)
    return got.decode()


def test_on_a_terminal_the_screen_is_given_back(command):
    command.proxy.dial()
    command.server.accept()
    got = watch_on_terminal(command, "xterm", b"client -> r1")
    assert got.startswith("\033[?1049h") and got.endswith("\033[?1049l")
    lines = got.split("\033[H")[1].split("\033[J")[0].split("\r\n")
    assert len(lines) <= 10
    for line in lines:
        assert len(line.replace("\033[K", "")) <= 40


def test_a_dumb_terminal_gets_no_escapes(command):
    command.proxy.dial()
    command.server.accept()
    assert "\033" not in watch_on_terminal(command, "dumb", b"client -> r1")


@pytest.mark.parametrize("words, status, said", [
    (["rule", "ad", "x"], 2, "did you mean 'RULE ADD'"),
    (["rule", "add", "on client -> r1 do latancy 5ms"], 2, "did you mean 'latency'"),
    (["rule", "add", "on client -> r1 do latancy 5ms"], 2,
     "sunder rule add: unknown fault 'latancy' (column 20)"),
    (["rule", "del", "nobody"], 2, "no rule is named 'nobody'"),
    (["cut", "client"], 2, "missing 'b'"),
    (["nodes", "-o", "xml"], 2, "text, wide or json"),
    (["heal", "--watch"], 2, "--watch only looks"),
    (["status", "--watch", "--api", "127.0.0.1:1"], 3, "is `sunder proxy` running"),
    (["nodes", "--api", "127.0.0.1:1"], 3, "is `sunder proxy` running"),
])
def test_what_is_wrong_gets_a_line_a_hint_and_a_status(command, words, status, said):
    done = command(*words)
    assert done.returncode == status and done.stdout == ""
    assert said in done.stderr and len(done.stderr.splitlines()) <= 2


def test_help_is_there(command):
    done = command("cut", "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: sunder cut")
