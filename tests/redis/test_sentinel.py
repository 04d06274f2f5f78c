"""A lab with Sentinel, and `sunder sentinel`."""

import json
import os
import re
import signal
import socket
import struct
import subprocess

import pytest
from exercises import needs_redis
from labs import DEADLINE, SUNDER, Lab, Redis, family, sunder, wait_until
from servers import SERVER, Scripted, servers

pytestmark = needs_redis

ARGS = ("--sentinels", "3", "--fast", "--down-after", "1500ms")


def names(lab):
    return {n["address"]: n["name"] for n in lab.map["nodes"]}


def ask(lab, *args):
    return sunder("sentinel", *args, env={"URL_S": lab.map["url_s"]})


def as_json(lab, *args, expect=0):
    done = ask(lab, *args, "-o", "json")
    assert done.returncode == expect, done.stderr
    return json.loads(done.stdout)


def whole(lab):
    """All sentinels agree, and all other data nodes replicate from that master."""
    if ask(lab, "status").returncode != 0:
        return False
    known = as_json(lab, "replicas")
    return len(known) == 2 and all(r["master-link-status"] == "ok" and
                                   r["flags"] == "slave" for r in known)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """One, which every test leaves whole."""
    with Lab(tmp_path_factory.mktemp("lab"), *ARGS) as running:
        yield running


@pytest.fixture(scope="module")
def looking(lab):
    """For tests that only look."""
    return lab


def test_what_was_asked_for_is_said_and_done(looking):
    assert looking.map["watch"] == {"master": "mymaster", "quorum": 2,
                                    "down_after_ms": 1500, "failover_timeout_ms": 10000,
                                    "fast": True}
    for url in looking.map["url_s"].split(","):
        with Redis(url) as s:
            master = s.do("SENTINEL", "MASTER", "mymaster")
            seen = dict(zip(master[::2], master[1::2]))
            assert (seen["quorum"], seen["down-after-milliseconds"]) == ("2", "1500")
            periods = s.do("SENTINEL", "DEBUG")
            said = dict(zip(periods[::2], periods[1::2]))
            assert said["INFO-PERIOD"] == "500"


def test_each_sentinel_gives_the_proxied_address(looking):
    for url in looking.map["url_s"].split(","):
        with Redis(url) as s:
            assert s.do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster") == \
                looking.master.rpartition("/")[2].split(":")


def test_a_quorum_that_cannot_be_reached_is_refused():
    done = sunder("lab", "--sentinels", "3", "--quorum", "4")
    assert done.returncode == 2 and "--quorum 4 of 3" in done.stderr


def test_status_has_a_row_for_each_sentinel(looking):
    rows = as_json(looking, "status")
    assert [r["sentinel"] for r in rows] == looking.map["url_s"].split(",")
    assert {r["address"] for r in rows} == {looking.master.rpartition("/")[2]}
    assert all(r["ckquorum"].startswith("OK 3 usable") for r in rows)


def test_replicas_and_sentinels_are_listed_by_their_proxied_addresses(looking):
    kinds = {n["address"]: n["role"] for n in looking.map["nodes"]}
    replicas, others = as_json(looking, "replicas"), as_json(looking, "sentinels")
    assert sorted(kinds[r["address"]] for r in replicas) == ["replica"] * 2
    assert sorted(kinds[s["address"]] for s in others) == ["sentinel"] * 2
    wide = ask(looking, "replicas", "-o", "wide").stdout.splitlines()
    text = ask(looking, "replicas").stdout.splitlines()
    assert len(wide) == len(text) == 3 and "RUN" in wide[0] and "RUN" not in text[0]


def test_a_sentinel_that_is_down_is_a_row_and_exit_status_1(looking):
    both = looking.map["url_s"].split(",")[0] + ",redis://127.0.0.1:1"
    done = sunder("sentinel", "status", "--sentinel", both)
    assert done.returncode == 1 and "connection refused" in done.stdout


@pytest.mark.parametrize("words,status,said", [
    (["stats"], 2, "did you mean 'status'"),
    (["master", "--master", "nobody"], 3, "no sentinel knows a master called 'nobody'"),
    (["master", "-o", "xml"], 2, "text, wide or json"),
    (["wait", "--timeout", "100ms"], 1, "is still the master"),
    (["failover", "now"], 2, "'now'"),
])
def test_what_is_wrong_is_one_line_and_a_hint(looking, words, status, said):
    done = ask(looking, *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr and done.stderr.count("\n") <= 2


def test_without_any_sentinel_it_says_so():
    done = sunder("sentinel", "master", "--sentinel", "127.0.0.1:1")
    assert done.returncode == 3 and "connection refused" in done.stderr
    done = sunder("sentinel", "master", env={"URL_S": ""})
    assert done.returncode == 2 and "URL_S" in done.stderr


# Who talks to whom, by the kernel's own list.

def sockets():
    """(local, remote) of every established connection."""
    with open("/proc/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f.readlines()[1:]]

    def place(text):
        ip, port = text.split(":")
        return socket.inet_ntoa(struct.pack("=I", int(ip, 16))), int(port, 16)

    return [(place(r[1]), place(r[2])) for r in rows if r[3] == "01"]


def links_round_the_proxy(lab):
    """From one server to another: both ends are addresses that servers really have."""
    port = int(lab.master.rpartition(":")[2])
    return [s for s in sockets() if all(ip.startswith("127.0.1.") for ip, _ in s) and
            port in (s[0][1], s[1][1])]


def links_through_the_proxy(lab):
    port = int(lab.master.rpartition(":")[2])
    return {(local[0], remote[0]) for local, remote in sockets()
            if local[0].startswith("127.0.1.") and remote[0].startswith("127.0.2.") and
            remote[1] == port}


def watching(lab, *patterns):
    return subprocess.Popen([SUNDER, "sentinel", "watch", "-o", "json", *patterns],
                            stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                            env={**os.environ, "URL_S": lab.map["url_s"]})


def listening(lab):
    return all(subscribers(url) for url in lab.map["url_s"].split(","))


def subscribers(url):
    with Redis(url) as s:
        return " psub=1" in s.do("CLIENT", "LIST")


def test_watch_ends_when_its_reader_has_gone(tmp_path):
    with servers(tmp_path, ()) as (server,), subprocess.Popen(
            [SUNDER, "sentinel", "watch", "--sentinel", server.url],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
        wait_until(lambda: server.do("PUBLISH", "+one", "first") == 1, "it listens")
        assert "+one" in watch.stdout.readline()
        watch.stdout.close()
        server.do("PUBLISH", "+two", "second")
        assert watch.wait(DEADLINE) == 3 and watch.stderr.read() == ""


def test_failover_elects_another_master_and_wait_and_watch_tell_of_it(lab):
    wait_until(lambda: whole(lab), "the lab is whole")
    before = as_json(lab, "master")[0]["address"]
    with watching(lab, "*switch-master") as watch:
        wait_until(lambda: listening(lab), "the watch listens everywhere")
        wait = ["sentinel", "wait", "-o", "json", "--from", before]
        with subprocess.Popen([SUNDER, *wait],
                              stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "URL_S": lab.map["url_s"]}) as waiting:
            change = as_json(lab, "failover")
            assert change["previous"] == before != change["new"]
            waited = json.loads(waiting.communicate(timeout=DEADLINE)[0])
        assert (waited["previous"], waited["new"]) == (before, change["new"])
        events = [json.loads(watch.stdout.readline()) for _ in range(3)]
        watch.send_signal(signal.SIGINT)
        assert watch.wait(DEADLINE) == 0
    assert {e["event"] for e in events} == {"+switch-master"}
    assert len({e["sentinel"] for e in events}) == 3
    ips = [a.replace(":", " ") for a in (before, change["new"])]
    assert {e["text"] for e in events} == {f"mymaster {ips[0]} {ips[1]}"}
    wait_until(lambda: whole(lab), "the old master follows the new one")
    assert links_round_the_proxy(lab) == []


def test_kill_ends_the_master_and_all_links_stay_proxied_when_it_returns(lab):
    """The second failover; the old master comes back with what it left on disk."""
    wait_until(lambda: whole(lab), "the lab is whole")
    change = as_json(lab, "kill")
    assert change["attempts"] >= 1 and change["new"] != change["previous"]
    node = names(lab)[change["previous"]]
    assert not os.path.exists(f"/proc/{lab.node(node)['pid']}")
    back = subprocess.Popen([SERVER, "server.conf"], stdout=subprocess.DEVNULL,
                            cwd=os.path.join(lab.directory, node))
    try:
        wait_until(lambda: whole(lab), "it is back, and a replica")
        reached = wait_until(lambda: len(links_through_the_proxy(lab)) >= 17 and
                             links_through_the_proxy(lab), "all links are up")
        assert links_round_the_proxy(lab) == []
        sentinels = {f"127.0.1.{10 + i}" for i in (1, 2, 3)}
        data = {f"127.0.2.{i}" for i in (1, 2, 3)}
        assert {(s, d) for s in sentinels for d in data} <= reached
    finally:
        back.terminate()
        back.wait(DEADLINE)


def kubectl_in(folder):
    """One that does nothing, and what it was told."""
    seen = folder / "seen"
    kubectl = folder / "kubectl"
    kubectl.write_text(f'#!/bin/sh\necho "$@" >> {seen}\n')
    kubectl.chmod(0o755)
    return seen, f"{folder}:{os.environ['PATH']}"


def test_a_pod_is_deleted_through_kubectl(looking, tmp_path):
    """Again and again, as long as nobody else is elected."""
    seen, path = kubectl_in(tmp_path)
    done = sunder("sentinel", "kill", "--pod", "redis-0", "--namespace", "test",
                  "--timeout", "1500ms",
                  env={"URL_S": looking.map["url_s"], "PATH": path})
    assert done.returncode == 1 and "still the master" in done.stderr
    assert seen.read_text().splitlines() == [
        "delete pod redis-0 --wait=false --ignore-not-found --namespace test"] * 2


def sentinel_that_names(host):
    """It knows nothing but where the master is."""
    def serve(s):
        while words := s.recv(4096).lower():
            address = f"*2\r\n${len(host)}\r\n{host}\r\n$4\r\n6379\r\n".encode()
            s.sendall(address if b"get-master-addr" in words else b"-ERR no\r\n")
    return Scripted(serve)


def test_the_pod_is_the_one_that_the_masters_name_begins_with(tmp_path):
    seen, path = kubectl_in(tmp_path)
    with sentinel_that_names("redis-2.redis.shop.svc.cluster.local") as sentinel:
        done = sunder("sentinel", "kill", "--kubectl", "--timeout", "500ms",
                      env={"URL_S": f"redis://{sentinel.at}", "PATH": path})
    assert done.returncode == 1 and "still the master" in done.stderr
    assert seen.read_text() == "delete pod redis-2 --wait=false --ignore-not-found\n"


@pytest.mark.parametrize("host", ["10.1.2.3", "fd00::1", "--all", "a;b"])
def test_what_cannot_be_the_name_of_a_pod_is_not_given_to_kubectl(tmp_path, host):
    seen, path = kubectl_in(tmp_path)
    with sentinel_that_names(host) as sentinel:
        done = sunder("sentinel", "kill", "--kubectl",
                      env={"URL_S": f"redis://{sentinel.at}", "PATH": path})
    assert done.returncode == 2 and "no pod is named after" in done.stderr
    assert "--pod" in done.stderr and not seen.exists()


def test_kill_takes_no_process_that_is_not_the_master(looking):
    """INFO of a master elsewhere gives a number that is somebody else's here."""
    done = ask(looking, "kill", "--pid", str(2 ** 22 + 1), "--timeout", "1s")
    assert done.returncode == 3 and "cannot kill process" in done.stderr
    assert family(looking.process.pid)[1:]
    assert re.search(r"No such process", done.stderr)
