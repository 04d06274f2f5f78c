"""SIGHUP, and a file that is swapped: nodes and rules follow, the rest is not touched."""

import json
import os
import signal
import threading

import pytest

from conftest import DEADLINE, PING, PONG, pong, wait_until


@pytest.fixture
def reloaded(sunder, upstream, tmp_path):
    """A proxy of two nodes whose file can be written anew, as a ConfigMap is: whole."""
    servers = [upstream().serve(pong) for _ in range(3)]
    path = tmp_path / "swapped.yaml"

    def write(nodes, *rules):
        config = {"rules": rules, "nodes": [
            {"name": name, "listen": "127.0.0.1:0" if listen is None else listen,
             "upstream": servers[to].address} for name, listen, to in nodes]}
        (tmp_path / "new").write_text(config if isinstance(config, str)
                                      else json.dumps(config))
        os.replace(tmp_path / "new", path)

    def start(*flags):
        write([("r1", None, 0), ("r2", None, 1)], RULE)
        return sunder(None, (), "--config", path, "--console", "127.0.0.1:0", *flags)
    return start, write, servers


RULE = "keep: on client -> r1 when command=PING do latency 1us"


def hup(proxy, state="done"):
    after = len(proxy.log)
    proxy.process.send_signal(signal.SIGHUP)
    return proxy.event("reload", after=after, state=state)


def ping(dialer):
    dialer.send(PING)
    return dialer.recv(len(PONG)) == PONG


def test_under_load_no_session_is_lost_that_the_change_did_not_touch(reloaded):
    start, write, _ = reloaded
    proxy = start()
    stop, lost, rounds = threading.Event(), [], [0]

    def run(dialer):
        try:
            while not stop.is_set():
                assert ping(dialer)
                rounds[0] += 1
        except (OSError, AssertionError) as e:
            lost.append(repr(e))
    dialers = [proxy.dial("r1") for _ in range(12)]
    goes = proxy.dial("r2")
    assert ping(goes)
    threads = [threading.Thread(target=run, args=(d,)) for d in dialers]
    for t in threads:
        t.start()
    try:
        for i in range(10):  # another node and another rule each time, and r2 is gone
            write([("r1", None, 0), (f"n{i}", None, 2)], RULE,
                  f"x{i}: on * -> n{i} do latency 1ms")
            hup(proxy)
            one = proxy.dial(f"n{i}")
            assert ping(one)
            one.close()
        seen = rounds[0]
        wait_until(lambda: lost or rounds[0] > seen + 100, "traffic")
    finally:
        stop.set()
        for t in threads:
            t.join(DEADLINE)
    assert not lost
    assert goes.sock.recv(1) == b"", "r2 is not there any more"
    for d in dialers:
        d.close()


def test_a_node_that_leads_elsewhere_keeps_who_is_there(reloaded):
    start, write, servers = reloaded
    proxy = start()
    stays = proxy.dial("r1")
    assert ping(stays)
    write([("r1", None, 2), ("r2", None, 1)], RULE)
    hup(proxy)
    before = len(servers[2].peers)
    later = proxy.dial("r1")
    assert ping(stays) and ping(later)
    assert len(servers[2].peers) == before + 1
    stays.close(), later.close()


def test_what_is_wrong_is_said_and_changes_nothing(reloaded, tmp_path):
    start, _, _ = reloaded
    proxy = start()
    stays = proxy.dial("r1")
    (tmp_path / "swapped.yaml").write_text("nodes: [{name: r1, listen: nonsense}]")
    assert "reason" in hup(proxy, "refused")
    assert ping(stays) and ping(proxy.dial("r2"))
    stays.close()


def test_a_file_that_is_swapped_is_taken_up_by_itself(reloaded):
    start, write, _ = reloaded
    proxy = start("--watch")
    stays = proxy.dial("r1")
    assert ping(stays)
    write([("r1", None, 0), ("r3", None, 2)])
    assert proxy.event("reload", by="watch", state="done")["rules"] == "0"
    assert ping(stays) and ping(proxy.dial("r3"))
    stays.close()
