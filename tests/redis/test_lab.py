"""`sunder lab`: real servers behind the proxy, and nothing left behind."""

import json
import os
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import time
import urllib.request

import pytest
from labs import DEADLINE, SUNDER, Lab, Redis, RedisError, alive, sunder, wait_until

pytestmark = pytest.mark.skipif(not (shutil.which("redis-server") or
                                     shutil.which("valkey-server")),
                                reason="no redis-server")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """One for all tests that only look."""
    with Lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


def script(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def without_servers(tmp_path):
    (tmp_path / "bin").mkdir()
    return {"PATH": str(tmp_path / "bin"), "TMPDIR": str(tmp_path)}


# What a person types.

def test_a_write_to_the_master_arrives_at_every_replica(lab):
    with Redis(lab.master) as m:
        assert m.do("SET", "mystery", "42") == "OK"
        assert m.do("WAIT", 2, 5000) == 2
    for url in lab.replicas:
        with Redis(url) as r:
            assert r.do("GET", "mystery") == "42"


def test_commands_flow_to_every_replica_from_the_first_moment_on(tmp_path):
    """A link that is up may carry no command for a second: one in ten or so."""
    for attempt in range(5):
        (tmp_path / str(attempt)).mkdir()
        with Lab(tmp_path / str(attempt), "--direct", "--replicas", "7") as running:
            with Redis(running.master) as m:
                m.do("SET", "k", "v")
                assert m.do("WAIT", 7, 600) == 7


def test_replicas_refuse_writes_through_the_proxy(lab):
    for url in lab.replicas:
        with Redis(url) as r:
            reply = r.do("SET", "k", "v")
            assert isinstance(reply, RedisError) and reply.startswith("READONLY")


def test_hello_3_speaks_resp3_through_the_proxy(lab):
    with Redis(lab.master) as m:
        hello = m.do("HELLO", "3")
        assert hello["proto"] == 3 and hello["role"] == "master"


def test_the_master_knows_its_replicas_by_their_proxied_addresses(lab):
    with Redis(lab.master) as m:
        info = m.info("replication")
    seen = {info[f"slave{i}"].split(",state")[0] for i in range(2)}
    assert seen == {"ip={},port={}".format(*url.rpartition("/")[2].split(":"))
                    for url in lab.replicas}
    assert all("127.0.2." in s for s in seen)


def test_replicas_dial_the_masters_proxied_address(lab):
    for url in lab.replicas:
        with Redis(url) as r:
            info = r.info("replication")
            assert info["master_host"] == "127.0.2.1"
            assert info["master_link_status"] == "up"


def test_no_server_has_a_link_that_goes_round_the_proxy(lab):
    """All of the master's peers are the proxy: no connection comes from a 127.0.1.x."""
    with Redis(lab.master) as m:
        peers = [c for c in m.do("CLIENT", "LIST").splitlines() if c]
    assert len(peers) >= 3
    assert not any(" addr=127.0.1." in p for p in peers)


def test_redis_cli_takes_the_urls_as_they_are(lab):
    cli = shutil.which("redis-cli") or shutil.which("valkey-cli")
    if not cli:
        pytest.skip("no redis-cli")

    def run(url, *words):
        return subprocess.run([cli, "-u", url, *words], capture_output=True, text=True,
                              timeout=DEADLINE, check=False).stdout.strip()
    assert run(lab.master, "SET", "tutorial", "1") == "OK"
    assert run(lab.master, "GET", "tutorial") == "1"
    assert run(lab.replicas[0], "SET", "tutorial", "2").startswith("READONLY")


def test_the_directory_is_for_us_alone(lab):
    assert stat.S_IMODE(os.stat(lab.directory).st_mode) == 0o700


def test_the_map_tells_the_truth_about_every_node(lab):
    assert [n["role"] for n in lab.map["nodes"]] == ["master", "replica", "replica"]
    for node in lab.map["nodes"]:
        with Redis(node["real"]) as direct, Redis(node["address"]) as proxied:
            run_id = direct.info("server")["run_id"]
            assert proxied.info("server")["run_id"] == run_id
            assert int(direct.info("server")["process_id"]) == node["pid"]
    links = {(link["from"], link["to"]) for link in lab.map["links"]}
    assert links == {("r2", "r1"), ("r3", "r1")}


# What it prints for people.

def test_its_text_is_a_shell_script_that_sets_the_urls(tmp_path):
    with subprocess.Popen([SUNDER, "lab", "--replicas", "1"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "TMPDIR": str(tmp_path)}) as p:
        text = ""
        while "Ctrl-C" not in text:
            line = p.stdout.readline()
            assert line, p.stderr.read()
            text += line
        shell = subprocess.run(["sh", "-c", f"{text}\necho \"$URL_M $URL_R\""],
                               capture_output=True, text=True, timeout=DEADLINE,
                               check=True).stdout
        p.send_signal(signal.SIGINT)
        assert p.wait(DEADLINE) == 0
        assert p.stderr.read() == ""
    assert shell.startswith("redis://127.0.2.1:") and " redis://127.0.2.2:" in shell
    assert "r2 -> r1" in text and "127.0.1.2:" in text


# Nothing is left behind.

@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_leaves_nothing(tmp_path, sig):
    with Lab(tmp_path) as running:
        assert all(alive(node["pid"]) for node in running.map["nodes"])
        assert running.end(sig) == 0
        running.assert_nothing_left()


def test_kill_9_leaves_no_process_and_no_file_either(tmp_path):
    with Lab(tmp_path) as running:
        assert len(running.pids) >= 4
        running.end(signal.SIGKILL)
        running.assert_nothing_left()


def test_kill_9_for_all_of_its_group_leaves_nothing_either(tmp_path):
    """As `timeout -s KILL`, a CI runner or a closed terminal does it."""
    with Lab(tmp_path, "--replicas", "1", own_group=True) as running:
        os.killpg(running.process.pid, signal.SIGKILL)
        assert running.process.wait(DEADLINE) == -signal.SIGKILL
        running.assert_nothing_left()


def test_stopped_servers_end_in_order_too(tmp_path):
    keep = tmp_path / "kept"
    with Lab(tmp_path, "--keep", str(keep)) as running:
        os.kill(running.node("r2")["pid"], signal.SIGSTOP)
        assert running.end() == 0
        wait_until(lambda: not any(map(alive, running.pids)), "all are gone")
    assert "bye bye" in (keep / "r2" / "log").read_text()


def test_a_server_that_ignores_sigterm_is_killed(tmp_path):
    server = shutil.which("redis-server") or shutil.which("valkey-server")
    stubborn = script(tmp_path / "redis-server",
                      f'[ "$1" = --version ] && exec {server} --version\n'
                      f'trap "" TERM\n{server} "$@" &\nwhile :; do wait; done\n')
    with Lab(tmp_path, "--redis-server", stubborn, "--replicas", "0") as running:
        assert running.end() == 0
        running.assert_nothing_left()


def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path):
    """Servers that never answer: it is still waiting for them when the signal comes."""
    server = shutil.which("redis-server") or shutil.which("valkey-server")
    silent = script(tmp_path / "redis-server",
                    f'[ "$1" = --version ] && exec {server} --version\n'
                    f'echo $$ > {tmp_path}/pid\nexec sleep 300\n')
    with subprocess.Popen([SUNDER, "lab", "--redis-server", silent],
                          env={**os.environ, "TMPDIR": str(tmp_path)}) as p:
        pid = wait_until(lambda: (tmp_path / "pid").exists() and
                         (tmp_path / "pid").read_text().strip(), "a server started")
        p.send_signal(signal.SIGINT)
        assert p.wait(DEADLINE) == 130
    assert not alive(int(pid))
    assert not list(tmp_path.glob("sunder-lab*"))


def test_ctrl_c_while_the_server_tells_its_version_is_no_error_of_the_server(tmp_path):
    """The terminal sends it to both."""
    server = script(tmp_path / "server", "kill -INT $PPID\nkill -INT $$\n")
    out = sunder("lab", "--redis-server", server, env={"TMPDIR": str(tmp_path)})
    assert (out.returncode, out.stdout, out.stderr) == (130, "", "")


def test_kept_directories_stay_and_are_not_used_twice(tmp_path):
    keep = tmp_path / "kept"
    with Lab(tmp_path, "--keep", str(keep), "--persistence", "rdb") as running:
        with Redis(running.master) as m:
            m.do("SET", "k", "v")
        assert running.end() == 0
    assert (keep / "r1" / "dump.rdb").exists()
    assert "Ready to accept" in (keep / "r1" / "log").read_text()
    again = sunder("lab", "--keep", str(keep), "--", "true")
    assert again.returncode == 3 and "not empty" in again.stderr
    assert (keep / "r1" / "dump.rdb").exists()


@pytest.mark.parametrize("how,files", [("none", set()), ("rdb", {"dump.rdb"}),
                                       ("aof", {"appendonly"}),
                                       ("both", {"dump.rdb", "appendonly"})])
def test_persistence_is_what_was_asked_for(tmp_path, how, files):
    keep = tmp_path / "kept"
    with Lab(tmp_path, "--keep", str(keep), "--persistence", how, "--replicas",
             "0") as running:
        with Redis(running.master) as m:
            m.do("SET", "k", "v")
        assert running.end() == 0
    there = {f for f in ("dump.rdb", "appendonly")
             if any(p.name.startswith(f) for p in (keep / "r1").iterdir())}
    assert there == files


# How they replicate.

def test_in_a_chain_each_replicates_the_one_before_it_through_the_proxy(tmp_path):
    with Lab(tmp_path, "--chain", "--replicas", "3") as running:
        links = {(link["from"], link["to"]) for link in running.map["links"]}
        assert links == {("r2", "r1"), ("r3", "r2"), ("r4", "r3")}
        for i in (2, 3, 4):
            with Redis(running.node(f"r{i}")["real"]) as r:
                info = r.info("replication")
                assert info["master_host"] == f"127.0.2.{i - 1}"
        with Redis(running.master) as m, Redis(running.replicas[2]) as last:
            assert m.info("replication")["connected_slaves"] == "1"
            m.do("SET", "k", "down the chain")
            wait_until(lambda: last.do("GET", "k") == "down the chain", "r4 has it")
        assert running.end() == 0


def test_the_servers_have_the_replication_settings_that_were_asked_for(tmp_path):
    with Lab(tmp_path, "--backlog", "64kb", "--min-replicas", "2,7", "--diskless",
             "no") as running:
        for node in ("r1", "r2"):
            with Redis(running.node(node)["real"]) as r:
                for name, value in (("repl-backlog-size", "65536"),
                                    ("min-replicas-to-write", "2"),
                                    ("min-replicas-max-lag", "7"),
                                    ("repl-diskless-sync", "no")):
                    assert r.do("CONFIG", "GET", name)[1] == value
        running.end()


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_the_data_asked_for_is_in_every_node_from_the_start(tmp_path, diskless):
    with Lab(tmp_path, "--data", "5mb", "--diskless", diskless) as running:
        digests = set()
        for node in ("r1", "r2", "r3"):
            with Redis(running.node(node)["real"]) as r:
                assert r.do("DBSIZE") == 5120
                assert r.do("STRLEN", "data:5120") == 1024
                digests.add(r.do("DEBUG", "DIGEST"))
        assert len(digests) == 1
        with Redis(running.master) as m:  # it came along, and not as commands
            assert int(m.info("replication")["master_repl_offset"]) < 10000
        running.end()


def test_data_survives_a_restart_where_there_is_an_append_only_file(tmp_path):
    with Lab(tmp_path, "--data", "100kb", "--persistence", "aof", "--replicas",
             "0") as running:
        with Redis(running.master) as m:
            assert m.do("DEBUG", "LOADAOF") == "OK"
            assert m.do("DBSIZE") == 100
        running.end()


# Servers that die, or do not start.

def test_the_death_of_a_server_is_told_at_once_with_its_last_words(tmp_path):
    with Lab(tmp_path) as running:
        with Redis(running.node("r2")["real"]) as r:
            r.sock.sendall(b"*2\r\n$8\r\nSHUTDOWN\r\n$6\r\nNOSAVE\r\n")
        wait_until(lambda: "bye bye" in running.stderr(), "its last log line")
        assert "r2 has died: exit status 0" in running.stderr()
        os.kill(running.node("r3")["pid"], signal.SIGKILL)
        wait_until(lambda: "r3 has died: signal 9" in running.stderr(), "r3 is told")
        with Redis(running.master) as m:  # the rest goes on
            assert m.do("PING") == "PONG"
        assert running.end() == 0
        running.assert_nothing_left()


def test_a_server_that_cannot_start_says_why(tmp_path):
    server = shutil.which("redis-server") or shutil.which("valkey-server")
    broken = script(tmp_path / "redis-server",
                    f'[ "$1" = --version ] && exec {server} --version\n'
                    f'exec {server} "$@" --no-such-option yes\n')
    out = sunder("lab", "--redis-server", broken, env={"TMPDIR": str(tmp_path)})
    assert out.returncode == 3
    assert out.stderr.startswith("sunder lab: r1 did not start: exit status 1\n")
    assert "no-such-option" in out.stderr
    assert not list(tmp_path.glob("sunder-lab*"))


def test_without_any_server_it_says_what_to_install(tmp_path):
    out = sunder("lab", env=without_servers(tmp_path))
    assert out.returncode == 3
    assert "no redis-server" in out.stderr
    assert "apt-get install redis-server" in out.stderr


def test_valkey_is_found_when_there_is_no_redis(tmp_path):
    """Not a real valkey: that it is looked for, and known for what it is."""
    server = shutil.which("redis-server") or shutil.which("valkey-server")
    env = without_servers(tmp_path)
    script(tmp_path / "bin" / "valkey-server",
           f'[ "$1" = --version ] && echo "Valkey server v=8.0.1 sha=0" && exit\n'
           f'exec {server} "$@"\n')
    out = sunder("lab", "--", "/bin/sh", "-c", "echo $URL_M", env=env)
    assert out.returncode == 0, out.stderr
    assert out.stdout.startswith("redis://127.0.2.1:")


@pytest.mark.parametrize("what,words", [
    ("/no/such/server", "No such file"),
    ("/etc/passwd", "Permission denied"),
    ("/bin/ls", "'/bin/ls' will not do: its --version says 'ls"),
])
def test_a_wrong_server_is_named(tmp_path, what, words):
    out = sunder("lab", "--redis-server", what, env={"TMPDIR": str(tmp_path)})
    assert out.returncode == 3 and words in out.stderr
    assert out.stderr.count("\n") <= 2
    assert not list(tmp_path.glob("sunder-lab*"))


def test_a_server_that_does_not_tell_its_version_is_no_server(tmp_path):
    mute = script(tmp_path / "redis-server", "exit 9\n")
    out = sunder("lab", "--redis-server", mute)
    assert out.returncode == 3
    assert "asked for its --version it ended with exit status 9" in out.stderr


def test_a_server_that_never_tells_its_version_is_not_waited_for(tmp_path):
    mute = script(tmp_path / "redis-server",
                  f"echo $$ > {tmp_path}/pid\nexec sleep 300\n")
    out = sunder("lab", "--redis-server", mute, env={"TMPDIR": str(tmp_path)})
    assert out.returncode == 3 and out.stderr.count("\n") == 1
    assert "it has not said its --version within 5 s" in out.stderr
    assert not alive(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("args,words", [
    (["--replicas", "10"], "at most 9"),
    (["--replicas", "two"], "--replicas"),
    (["--persistence", "disk"], "not 'disk'"),
    (["-o", "xml"], "not 'xml'"),
    (["--rule", "on r2 -> r1 do latncy 5ms"], "latency"),
    (["--rule", "on r7 -> r1 do latency 5ms"], "r7"),
    (["--direct", "--rule", "on r2 -> r1 do hang"], "--direct"),
    (["redis-cli"], "after --"),
    (["--diskless", "maybe"], "not 'maybe'"),
    (["--backlog", "1kb"], "at least 16kb"),
    (["--min-replicas", "3"], "never be met by 2"),
    (["--min-replicas", "1,"], "not '1,'"),
    (["--min-replicas", "1,0"], "not '1,0'"),
    (["--min-replicas", "1,2,3"], "not '1,2,3'"),
    (["--chain", "--sentinels", "3"], "without sentinels"),
])
def test_a_wrong_command_line_is_one_line_and_a_hint(tmp_path, args, words):
    out = sunder("lab", *args, env={"TMPDIR": str(tmp_path)})
    assert out.returncode == 2, out.stderr
    assert words in out.stderr
    assert 1 <= out.stderr.count("\n") <= 2
    assert out.stdout == ""


# More than one, and with a command.

def test_two_labs_run_side_by_side(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    with Lab(tmp_path / "a") as a, Lab(tmp_path / "b") as b:
        assert a.master != b.master
        with Redis(a.master) as m:
            m.do("SET", "who", "a")
        with Redis(b.master) as m:
            assert m.do("GET", "who") is None
        a.end()
        a.assert_nothing_left()
        with Redis(b.replicas[0]) as r:
            assert r.info("replication")["master_link_status"] == "up"


def test_a_command_finds_the_urls_and_gives_the_exit_status(tmp_path):
    out = sunder("lab", "--", "sh", "-c", "echo $URL_M $URL_R; exit 7",
                 env={"TMPDIR": str(tmp_path)})
    assert out.returncode == 7, out.stderr
    master, replicas = out.stdout.split()
    assert master.startswith("redis://127.0.2.1:") and replicas.count("redis://") == 2
    assert not list(tmp_path.glob("sunder-lab*"))


def test_a_command_that_dies_of_a_signal_ends_as_in_a_shell(tmp_path):
    out = sunder("lab", "--replicas", "0", "--", "sh", "-c", "kill -9 $$",
                 env={"TMPDIR": str(tmp_path)})
    assert out.returncode == 128 + 9


def test_a_command_that_is_not_there_is_an_error_of_the_environment(tmp_path):
    out = sunder("lab", "--replicas", "0", "--", "no-such-command",
                 env={"TMPDIR": str(tmp_path)})
    assert out.returncode == 3 and "cannot run 'no-such-command'" in out.stderr
    assert not list(tmp_path.glob("sunder-lab*"))


def test_sigterm_is_passed_on_to_the_command(tmp_path):
    shell = f"trap 'echo told > {shlex.quote(str(tmp_path))}/told; exit 5' TERM; " \
            "echo up; while :; do sleep 0.05; done"
    with subprocess.Popen([SUNDER, "lab", "--replicas", "0", "--", "sh", "-c", shell],
                          stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          env={**os.environ, "TMPDIR": str(tmp_path)}) as p:
        assert p.stdout.readline() == b"up\n"
        p.send_signal(signal.SIGTERM)
        assert p.wait(DEADLINE) == 5
    assert (tmp_path / "told").read_text() == "told\n"
    assert not list(tmp_path.glob("sunder-lab*"))


# Rules.

def test_a_rule_is_in_force_once_all_is_in_sync(tmp_path):
    """A lab whose replication hangs could never be in sync, if the rule came first."""
    with Lab(tmp_path, "--rule", "on r2 -> r1 replies do hang") as running:
        with Redis(running.master) as m:
            m.do("SET", "k", "new")
            assert m.do("WAIT", 1, 5000) == 1  # r3 hears of it
            assert m.do("WAIT", 2, 200) == 1   # r2 does not
        with Redis(running.replicas[0]) as r:
            assert r.do("GET", "k") is None
        with Redis(running.replicas[1]) as r:
            assert r.do("GET", "k") == "new"
        running.end()
        running.assert_nothing_left()


def test_it_is_broken_and_mended_while_it_runs(tmp_path):
    with Lab(tmp_path) as running:
        at = {"SUNDER_API": running.map["api"]}
        cut = sunder("cut", "r2", "r1", env=at)
        assert cut.returncode == 0, cut.stderr
        with Redis(running.master) as m:
            m.do("SET", "k", "new")
            assert m.do("WAIT", 2, 200) == 1
            with Redis(running.map["console"]) as console:
                assert "cut" in console.do("RULE", "LIST")[0]
            assert sunder("heal", env=at).returncode == 0
            assert m.do("WAIT", 2, 5000) == 2
        running.end()
        running.assert_nothing_left()


def test_a_command_can_break_its_lab(tmp_path):
    out = sunder("lab", "--replicas", "0", "--", SUNDER, "nodes", "-o", "json",
                 env={"TMPDIR": str(tmp_path)})
    assert out.returncode == 0, out.stderr
    assert [node["name"] for node in json.loads(out.stdout)] == ["r1"]


def test_on_an_address_for_all_its_api_asks_for_a_token(tmp_path):
    token = tmp_path / "my token"
    token.write_text("secret\n")
    lab = [SUNDER, "lab", "--replicas", "0", "--api", "0.0.0.0:0"]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    out = sunder(*lab[1:], env=env)
    assert out.returncode == 2 and "hint: --api-token-file FILE" in out.stderr
    lab += ["--api-token-file", str(token)]
    ask = "$0 nodes && unset SUNDER_API_TOKEN_FILE && ! $0 nodes"
    out = sunder(*lab[1:], "--", "sh", "-c", ask, SUNDER, env=env)
    assert out.returncode == 0 and "\nr1 " in out.stdout, out.stderr
    assert out.stderr == "sunder nodes: a bearer token is needed\n"
    with subprocess.Popen(lab, stdout=subprocess.PIPE, text=True, env=env) as running:
        exports = "".join(iter(running.stdout.readline, "#\n"))
        out = subprocess.run(["sh", "-c", f"{exports}\n$0 nodes", SUNDER], text=True,
                             capture_output=True, check=False, timeout=DEADLINE)
        running.terminate()
    assert out.returncode == 0 and "\nr1 " in out.stdout, out.stderr


def test_its_loop_is_not_busy_while_it_waits(tmp_path):
    def busy(api):
        with urllib.request.urlopen(f"http://{api}/metrics", timeout=DEADLINE) as answer:
            lines = answer.read().decode().splitlines()
        return float(next(line.split()[1] for line in lines
                          if line.startswith("sunder_loop_busy_seconds_sum")))

    with Lab(tmp_path, "--replicas", "0", "--api", "127.0.0.1:0") as running:
        api, start = running.map["api"], time.monotonic()
        before = busy(api)
        wait_until(lambda: time.monotonic() > start + 1, "a second is over")
        with Redis(running.master) as client:
            assert client.do("PING") == "PONG"
        assert busy(api) - before < 0.8 * (time.monotonic() - start)


def test_shutdown_from_the_console_ends_it(tmp_path):
    with Lab(tmp_path, "--replicas", "0", "--api", "off") as running:
        assert running.map["api"] == ""
        with Redis(running.map["console"]) as console:
            console.sock.sendall(b"SHUTDOWN\r\n")
            assert running.process.wait(DEADLINE) == 0
        running.assert_nothing_left()


def test_an_address_that_is_taken_ends_it_before_it_begins(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        out = sunder("lab", "--replicas", "0", "--api", at, env={"TMPDIR": str(tmp_path)})
    assert out.returncode == 3 and at in out.stderr and out.stdout == ""
    assert not list(tmp_path.glob("sunder-lab*"))


def test_the_journal_has_what_the_rules_decided(tmp_path):
    journal = tmp_path / "journal"
    out = sunder("lab", "--rule", "slow: on client -> r1 when command=GET do latency 1ms",
                 "--seed", "7", "--journal", str(journal), "--", "redis-cli" if
                 shutil.which("redis-cli") else "valkey-cli", "--version",
                 env={"TMPDIR": str(tmp_path)})
    assert out.returncode == 0, out.stderr
    assert "seed=7" in journal.read_text() and "slow" in journal.read_text()


def test_a_seed_that_is_not_given_is_drawn_and_told(tmp_path):
    seeds = set()
    for _ in range(2):
        with Lab(tmp_path, "--replicas", "0") as running:
            info = sunder("info", "-o", "json", env={"SUNDER_API": running.map["api"]})
            assert json.loads(info.stdout)["seed"] == running.map["seed"]
            seeds.add(running.map["seed"])
    assert len(seeds) == 2
    with Lab(tmp_path, "--replicas", "0", "--seed", "0") as running:
        assert running.map["seed"] == 0


def test_a_direct_lab_has_no_proxy_anywhere(tmp_path):
    with Lab(tmp_path, "--direct") as running:
        assert running.master.startswith("redis://127.0.1.1:")
        with Redis(running.replicas[0]) as r:
            assert r.info("replication")["master_host"] == "127.0.1.1"
        port = running.master.rpartition(":")[2]
        with pytest.raises(ConnectionRefusedError):
            Redis(f"127.0.2.1:{port}")
        running.end()
        running.assert_nothing_left()


def test_sentinels_find_each_other_and_all_replicas_through_the_proxy(tmp_path):
    with Lab(tmp_path, "--sentinels", "3") as running:
        urls = running.map["url_s"].split(",")
        assert len(urls) == 3
        for url in urls:
            with Redis(url) as s:
                replicas = s.do("SENTINEL", "REPLICAS", "mymaster")
                others = s.do("SENTINEL", "SENTINELS", "mymaster")
                for entry in replicas + others:
                    fields = dict(zip(entry[::2], entry[1::2]))
                    assert fields["ip"].startswith("127.0.2.")
                assert len(replicas) == 2 and len(others) == 2
        running.end()
        running.assert_nothing_left()
