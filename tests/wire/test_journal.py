"""A journal replayed by a real proxy: the same decisions, whatever the seed."""

import socket
import subprocess

from conftest import DEADLINE, PING, PONG, SUNDER, command, logfmt, pong, wait_until
from test_api import Api

RULES = ["rare: on * -> r1 requests chance=20% do latency 1ms jitter=1ms",
         "busy: on client -> r1 when command=INCR chance=30% do error BUSY"]


def journal(path):
    with open(path, encoding="utf-8") as f:
        return [logfmt(line) for line in f]


def decisions(path):
    """All that a decision says but its time."""
    return [{k: v for k, v in d.items() if k != "t"}
            for d in journal(path) if d["ev"] == "decision"]


def one(peer):
    """Answer every PING and INCR."""
    while data := peer.sock.recv(1 << 16):
        peer.send(b":1\r\n" * (data.count(b"PING") + data.count(b"INCR")))


def ask(proxy, sessions=3, rounds=60):
    for _ in range(sessions):
        dialer = proxy.dial()
        for i in range(rounds):
            dialer.send(PING if i % 2 else command("INCR", "n"))
            dialer.sock.recv(100)
        dialer.close()
        proxy.stats_when("the session is gone", lambda s: s["sessions"] == 0)
    proxy.terminate()
    assert proxy.wait() == 0


def replayed(path):
    """What `sunder journal replay` makes of it."""
    done = subprocess.run([SUNDER, "journal", "replay", str(path)], check=True,
                          capture_output=True, text=True, timeout=DEADLINE)
    assert done.stderr == ""
    return done.stdout


def test_a_replay_makes_the_same_decisions_again(sunder, upstream, tmp_path):
    first, again, other = (tmp_path / n for n in ("first", "again", "other"))
    server = upstream().serve(one)
    ask(sunder(server, RULES, "--seed", 1, "--journal", first))
    config = replayed(first)
    assert f"upstream: '{server.address}'" in config and "seed: 1\n" in config
    ask(sunder(None, (), "--seed", 2, "--journal", again, config=config))
    ask(sunder(server, RULES, "--seed", 2, "--journal", other))
    assert len(decisions(first)) > 30
    assert decisions(again) == decisions(first)
    assert decisions(other) != decisions(first)


def test_a_flag_does_it_as_well(sunder, upstream, tmp_path):
    first, again = tmp_path / "first", tmp_path / "again"
    server = upstream().serve(one)
    ask(sunder(server, RULES, "--seed", 1, "--journal", first))
    ask(sunder(server, (), "--replay", first, "--seed", 2, "--journal", again))
    assert decisions(again) == decisions(first)


def test_rules_come_and_go_as_they_did(sunder, upstream, tmp_path):
    """One that lived for a moment is added, and goes, when it did."""
    first, again = tmp_path / "first", tmp_path / "again"
    server = upstream().serve(pong)
    proxy = sunder(server, (), "--journal", first, "--console", "127.0.0.1:0")
    host, port = proxy.event("console")["address"].rsplit(":", 1)
    proxy.dial().close()
    idle = proxy.dial()
    idle.send(PING)
    idle.expect(PONG)
    assert idle.silent(0.5)  # or the replay would have no time to open a session first
    with socket.create_connection((host, int(port)), DEADLINE) as console:
        console.sendall(command("RULE", "ADD",
                                "gone: on client -> r1 do reset for 200ms"))
        assert console.recv(1000)
    idle.expect_reset()
    wait_until(lambda: any(e["ev"] == "unrule" for e in journal(first)), "it has gone")
    proxy.terminate()
    assert proxy.wait() == 0
    assert [d["at"] for d in decisions(first)] == ["live"]

    proxy = sunder(server, (), "--replay", first, "--journal", again)
    proxy.dial().close()
    idle = proxy.dial()
    idle.send(PING)
    idle.expect(PONG)
    idle.expect_reset()
    wait_until(lambda: any(e["ev"] == "unrule" for e in journal(again)), "it has gone")
    assert decisions(again) == decisions(first)
    proxy.terminate()
    assert proxy.wait() == 0


def test_a_journal_that_cannot_be_written_is_told_before_anything_starts(tmp_path):
    done = subprocess.run([SUNDER, "proxy", "--listen", "127.0.0.1:0", "--upstream",
                           "127.0.0.1:1", "--listen", "127.0.0.1:0", "--upstream",
                           "127.0.0.1:2", "--console", "off", "--api", "off",
                           "--journal", str(tmp_path / "no" / "such")],
                          capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 3
    assert "cannot write journal" in done.stderr


def test_a_journal_that_is_none_is_told_before_anything_starts(tmp_path):
    bad = tmp_path / "bad"
    bad.write_text("ev=start seed=1\nev=decision rule=x\n")
    for argv in (["journal", "replay", str(bad)],
                 ["proxy", "--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:1",
                  "--console", "off", "--api", "off", "--replay", str(bad)]):
        done = subprocess.run([SUNDER, *argv], capture_output=True, text=True,
                              timeout=DEADLINE, check=False)
        assert done.returncode in (2, 3)
        lines = [s for s in done.stderr.splitlines() if not s.startswith("t=")]
        assert lines == [f"sunder {argv[0]}: '{bad}' is no journal: a line has no link= "
                         "(line 2)"]


def test_its_last_lines_are_told_while_it_is_written(sunder, upstream, tmp_path):
    path = tmp_path / "run.journal"
    server = upstream()
    proxy = sunder(server, "hit: on client -> r1 requests do latency 1us",
                   "--journal", str(path), "--api", "127.0.0.1:0")
    api = Api(proxy)
    dialer = proxy.dial()
    peer = server.accept()
    for n in range(1, 31):
        dialer.send(PING)
        peer.expect(PING)
        last = api.ask("GET", "/journal?tail=2")[1]
        assert f" frame={n} " in last[-1] and last[-1].startswith("ev=decision ")
        assert len(last) == 2
    lines = path.read_text().splitlines()
    assert api.ask("GET", "/journal") == (200, lines[-20:])
    assert api.ask("GET", "/journal?tail=1000") == (200, lines)
    assert api.ask("GET", "/journal?tail=0")[0] == 400
    env = {"SUNDER_API": f"{api.host}:{api.port}"}
    done = subprocess.run([SUNDER, "journal", "tail", "3"], text=True, check=True,
                          capture_output=True, env=env)
    assert done.stdout.splitlines() == lines[-3:]


def test_without_a_journal_its_tail_is_refused(sunder, upstream):
    api = Api(sunder(upstream(), (), "--api", "127.0.0.1:0"))
    status, answer = api.ask("GET", "/journal")
    assert status == 404 and "--journal FILE" in answer["hint"]
