"""`sunder topology config`: servers that are started from what it prints."""

import contextlib
import json
import random
import re
import shutil
import socket
import subprocess

import pytest
from labs import DEADLINE, SUNDER, Redis, sunder, wait_until
from servers import Configured

pytestmark = pytest.mark.skipif(not (shutil.which("redis-server") or
                                     shutil.which("valkey-server")),
                                reason="no redis-server")
NAMES = ["r1", "r2", "r3", "s1", "s2", "s3"]
MORE = {"r": 'save ""\nrepl-diskless-sync-delay 0\n',
        "s": "sentinel down-after-milliseconds mymaster 2000\n"}


def free_ports(n):
    """Free on all addresses, and none that a connection of somebody else may take."""
    with contextlib.ExitStack() as stack:
        ports = []
        while len(ports) < n:
            s = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                s.bind(("", random.randrange(10000, 20000)))
                ports.append(s.getsockname()[1])
        return ports


def by_address(port):
    """Nodes at 127.0.1.3x, which others find at 127.0.2.3x."""
    return {name: (f"127.0.2.3{i}:{port}", f"127.0.1.3{i}:{port}")
            for i, name in enumerate(NAMES)}


def by_name():
    """All of them on one address, told apart by ports, and found by the host's name: a
    proxy that listens everywhere, as in a container, does not know how it is found."""
    ports = iter(free_ports(2 * len(NAMES)))
    return {name: (f"localhost:{next(ports)}", f"127.0.0.1:{next(ports)}")
            for name in NAMES}


def words_for(places):
    words = []
    for name, (known, real) in places.items():
        kind = "--sentinel" if name[0] == "s" else "--node"
        listen = known.replace("localhost", "0.0.0.0")
        words += [kind, f"{name},{known},{real},{listen}"]
    return words


@contextlib.contextmanager
def running(directory, places):
    """All of them, each started from its part of what is printed."""
    def text(name):
        run = sunder("topology", "config", *words_for(places), "--for", name)
        assert run.returncode == 0 and run.stderr == "", run.stderr
        return run.stdout

    config = directory / "sunder.yaml"
    config.write_text(text("proxy"))
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(open(directory / "log", "w", encoding="utf-8"))
        proxy = stack.enter_context(subprocess.Popen(
            [SUNDER, "proxy", "--config", str(config), "--api", "127.0.0.1:0",
             "--console", "off"], stderr=log, stdin=subprocess.DEVNULL))
        stack.callback(proxy.terminate)
        api = wait_until(lambda: re.search(r"ev=api address=(\S+)",
                                           (directory / "log").read_text()),
                         "the API listens")[1]
        nodes = {}
        for name, (_, real) in places.items():
            (directory / name).mkdir()
            bind = f"bind {real.partition(':')[0]}\n"
            nodes[name] = Configured(real, directory / name,
                                     bind + text(name) + MORE[name[0]])
            stack.callback(nodes[name].end)
        yield nodes, str(config), api


def report(url, *told):
    """In the middle of a failover, nobody may answer."""
    run = sunder("topology", "check", "-o", "json", *told, url)
    return json.loads(run.stdout) if run.returncode in (0, 1) else {}


def is_whole(found):
    """Each sentinel knows a master, two replicas and two sentinels; and no trap."""
    lists = [x for x in found.get("listings", []) if x["by"][0] == "s"]
    return found.get("traps") == [] and len(lists) == 15 and \
        all(x["way"] == "proxied" for x in found["listings"])


def addresses(found):
    return {(x["name"], x["address"], x["real"]) for x in found["servers"]}


@pytest.mark.parametrize("how", ["address", "name"])
def test_what_it_prints_has_no_trap_also_after_a_failover(tmp_path, how):
    places = by_address(*free_ports(1)) if how == "address" else by_name()
    url = f"redis://{places['s1'][0]}"
    with running(tmp_path, places) as (nodes, config, api):
        told = words_for(places)
        for name in NAMES[3:]:
            nodes[name].do("SENTINEL", "DEBUG", "info-period", 200, "publish-period", 100)
        wait_until(lambda: is_whole(report(url, *told)), "there is no trap")
        assert addresses(report(url, *told)) == {(n, *at) for n, at in places.items()}
        for other in ("--api", api), ("--config", config):
            assert addresses(report(url, *other)) == addresses(report(url, *told))
        for name in NAMES[3:]:  # after four of them, a replica must not be a master
            nodes[name].do("SENTINEL", "DEBUG", "publish-period", 750)
        with Redis(url) as s:
            assert s.do("SENTINEL", "FAILOVER", "mymaster") == "OK"

        def is_over():
            with contextlib.suppress(OSError, AssertionError):  # clients are killed
                role = nodes["r1"].do("ROLE")
                return role[0] == "slave" and f"{role[1]}:{role[2]}" in \
                    (places["r2"][0], places["r3"][0])
        wait_until(is_over, "r1 follows another, by the proxy")
        wait_until(lambda: is_whole(report(url, *told)), "there is no trap again")


def config_of(*words):
    run = sunder("topology", "config", *words)
    assert run.returncode == 0 and run.stderr == "", run.stderr
    return run.stdout


def test_names_are_announced_only_where_sentinels_resolve_them():
    text = config_of("--node", "r1,r1.example:6379,10.0.0.1:6379",
                     "--sentinel", "s1,10.0.0.9:26379,10.0.0.1:26379")
    assert "sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n" in text
    assert "sentinel monitor mymaster r1.example 6379 1\n" in text
    assert "sources" not in text  # r1 and s1 dial from one address


def test_the_proxys_own_file_is_enough_to_print_the_rest(tmp_path):
    words = words_for(by_address(6379))
    (tmp_path / "sunder.yaml").write_text(config_of(*words, "--for", "proxy"))
    again = config_of("--config", str(tmp_path / "sunder.yaml"))
    assert again == config_of(*words)
    assert json.loads(config_of(*words, "-o", "json"))["r2"] in again


def test_the_address_where_the_proxy_listens_may_be_another_one():
    text = config_of("--node", "r1,10.0.0.9:6001,10.0.0.1:6379,0.0.0.0:16379")
    assert 'listen: "0.0.0.0:16379"' in text and "replica-announce-port 6001" in text


def test_the_example_of_its_help_works():
    shown = sunder("topology", "config", "--help").stdout
    words = shown.partition("example:\n")[2].split()
    assert words[:3] == ["sunder", "topology", "config"]
    assert "replicaof 10.0.0.9 6001" in config_of(*words[3:])


@pytest.mark.parametrize("words,said", [
    ([], "--node r1,PROXY,REAL"),
    (["--node", "r1,a:1"], "not NAME,PROXY,REAL"),
    (["--node", "r1,a:1,b:2", "--node", "r1,c:1,d:2"], "two nodes are called 'r1'"),
    (["--node", "r1,a:1,b:2", "--quorum", "2"], "a quorum of 2, and 0 sentinels"),
    (["--node", "r1,a:1,b:2", "--for", "r11"], "did you mean 'r1'?"),
    (["--node", "r1,unix:/x,b:2"], "cannot announce a unix socket"),
    (["more"], "'more' is no option")])
def test_what_makes_no_sense_is_told_in_a_line(words, said):
    run = sunder("topology", "config", *words, deadline=DEADLINE)
    assert run.returncode == 2 and said in run.stderr
    assert len(run.stderr.splitlines()) <= 2
