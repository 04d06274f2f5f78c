"""SIGHUP, and a file that is swapped: nodes, clients, rules and limits follow, and what
is not touched loses nothing."""

import json
import os
import signal

import pytest

from conftest import PING, PONG, pong, wait_until
from load import Load, ping
from test_api import Api


@pytest.fixture
def reloaded(sunder, upstream, tmp_path):
    """A proxy of two nodes whose file can be written anew, as a ConfigMap is: whole."""
    servers = [upstream() for _ in range(3)]
    for one in servers:
        one.play = pong
        one.serve(lambda peer, server=one: server.play(peer))
    path = tmp_path / "swapped.yaml"

    def write(nodes, *rules, **more):
        config = {"rules": rules, **more, "nodes": [
            {"name": name, "listen": "127.0.0.1:0" if listen is None else listen,
             "upstream": servers[to].address, **dict(*of)}
            for name, listen, to, *of in nodes]}
        (tmp_path / "new").write_text(config if isinstance(config, str)
                                      else json.dumps(config))
        os.replace(tmp_path / "new", path)

    def start(*flags):
        write([("r1", None, 0), ("r2", None, 1)], RULE)
        return sunder(None, (), "--config", path, "--console", "127.0.0.1:0", "--api",
                      "127.0.0.1:0", *flags)
    return start, write, servers


RULE = "keep: on client -> r1 when command=PING do latency 1us"


def hup(proxy, state="done"):
    after = len(proxy.log)
    proxy.process.send_signal(signal.SIGHUP)
    return proxy.event("reload", after=after, state=state)


def test_under_load_no_session_is_lost_that_the_change_did_not_touch(reloaded):
    start, write, _ = reloaded
    proxy = start()
    goes = proxy.dial("r2")
    assert ping(goes)
    with Load([proxy.dial("r1") for _ in range(12)]) as load:
        for i in range(10):  # another node and another rule each time, and r2 is gone
            write([("r1", None, 0), (f"n{i}", None, 2)], RULE,
                  f"x{i}: on * -> n{i} do latency 1ms")
            hup(proxy)
            one = proxy.dial(f"n{i}")
            assert ping(one)
            one.close()
        load.goes_on()
    assert goes.sock.recv(1) == b"", "r2 is not there any more"


BOTH = [("r1", None, 0), ("r2", None, 1)]


def client(name, *sources):
    return {"name": name, "sources": sources}


def test_clients_come_change_and_go_under_load_and_nobody_is_hung_up_on(reloaded):
    start, write, _ = reloaded
    proxy = start()
    api = Api(proxy)
    rules = RULE, "hold: on app -> r1 requests do hang"

    def links():
        return {(x["from"], x["sessions"]) for x in api.ask("GET", "/links")[1]
                if x["sessions"]}

    with Load([proxy.dial("r1", source=f"127.0.3.{i}") for i in range(1, 9)]) as load:
        for _ in range(5):
            write(BOTH, RULE, clients=[client("app", "127.0.3.1", "127.0.3.2"),
                                       client("web", "127.0.3.0/29")])
            hup(proxy)
            assert links() == {("app", 2), ("web", 5), ("client", 1)}
            write(BOTH, RULE, clients=[client("web", "127.0.3.3", "127.0.3.4")])
            hup(proxy)
            assert links() == {("web", 2), ("client", 6)}, "app has gone, web has less"
            load.goes_on()
        held = proxy.dial("r1", source="127.0.4.1")
        assert ping(held)
        write(BOTH, *rules, clients=[client("app", "127.0.4.1")])
        hup(proxy)
        held.send(PING)
        assert held.silent(0.3), "it is app now, and the rule is about app"
        write(BOTH, RULE)
        hup(proxy)
        assert held.recv(len(PONG)) == PONG and ping(held)
        held.close()
        wait_until(lambda: links() == {("client", 8)}, "one less")
        load.goes_on()


def test_a_client_that_is_known_by_what_it_says_comes_and_goes(reloaded):
    start, write, servers = reloaded

    def anything(peer):
        while peer.sock.recv(4096):
            peer.send(PONG)
    servers[0].play = anything
    proxy = start()
    api, dialer = Api(proxy), proxy.dial("r1")
    dialer.send(b"*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$7\r\nbilling\r\n")
    assert dialer.recv(len(PONG)) == PONG

    def known_as(*clients):
        write(BOTH, RULE, clients=clients)
        hup(proxy)
        assert ping(dialer)
        return [x["from"] for x in api.ask("GET", "/links")[1] if x["sessions"]]
    assert known_as({"name": "billing"}) == ["billing"]
    assert known_as({"name": "money", "client-names": "bill*"}) == ["money"]
    assert known_as() == ["client"]
    dialer.close()


def test_a_node_with_other_sources_keeps_its_sessions_and_those_it_dialed(reloaded):
    start, write, _ = reloaded
    proxy = start()
    api = Api(proxy)

    def write_sources(*sources):
        write([("r1", None, 0), ("r2", None, 1, {"sources": sources})], RULE)
        hup(proxy)
        return {(x["from"], x["to"]) for x in api.ask("GET", "/links")[1]
                if x["sessions"]}

    with Load([proxy.dial("r1", source="127.0.5.1"), proxy.dial("r2")]) as load:
        assert write_sources("127.0.5.1") == {("r2", "r1"), ("client", "r2")}
        assert write_sources("127.0.5.2") == {("client", "r1"), ("client", "r2")}
        load.goes_on()


def test_limits_are_taken_up_and_who_is_there_stays(reloaded):
    start, write, _ = reloaded
    proxy = start()
    with Load([proxy.dial("r1") for _ in range(4)]) as load:
        write(BOTH, RULE, limits={"sessions": 2})
        hup(proxy)
        late = proxy.dial("r1")
        late.send(PING)
        proxy.event("accept.pause", reason="session limit reached")
        load.goes_on()
        write(BOTH, RULE, limits={"sessions": 100})
        hup(proxy)
        assert late.recv(len(PONG)) == PONG, "it waited, and there is room now"
        late.close()


def test_a_lane_that_was_full_goes_on_when_it_may_hold_more(reloaded):
    start, write, servers = reloaded
    hang = "full: on client -> r2 requests do hang"
    servers[1].play = lambda peer: peer.sock.recv(1)
    proxy = start()
    write(BOTH, RULE, hang, limits={"lane": 65536})
    hup(proxy)
    api, dialer = Api(proxy), proxy.dial("r2")

    def held():
        return api.ask("GET", "/info")[1]["held"]
    dialer.sock.setblocking(False)

    def push():
        try:
            while dialer.sock.send(b"x" * 65536):
                pass
        except BlockingIOError:
            return held()
    wait_until(lambda: push() > 32768, "a full lane")
    assert held() <= 2 * 65536
    write(BOTH, RULE, hang, limits={"lane": 1 << 20})
    hup(proxy)
    wait_until(lambda: push() > 1 << 19, "more to be held")
    dialer.close()


def test_what_is_for_a_restart_is_said(reloaded):
    start, write, _ = reloaded
    proxy = start()
    write(BOTH, RULE, seed=7)
    hup(proxy)
    said = proxy.event("reload", lvl="warn")["reason"]
    assert said == "seed is taken up by a restart only"


@pytest.mark.parametrize("wrong, said", [
    ({"limits": {"lane": 1}}, "lane"), ({"limits": {"sessions": 0}}, "sessions"),
    ({"clients": [{"name": "app", "sources": ["127.0.3.1", "nonsense/99"]}]}, "nonsense"),
    ({"clients": [{"name": "r1", "sources": ["127.0.3.1"]}]}, "r1")])
def test_of_a_wrong_file_nothing_is_taken_up_and_one_line_says_why(reloaded, wrong, said):
    start, write, _ = reloaded
    proxy = start()
    api = Api(proxy)
    with Load([proxy.dial("r1"), proxy.dial("r2")]) as load:
        write([("r1", None, 0), ("r9", None, 2)], "new: on * -> r9 do hang", **wrong)
        assert said in hup(proxy, "refused")["reason"]
        assert [n["name"] for n in api.ask("GET", "/nodes")[1]] == ["r1", "r2"]
        assert api.ask("GET", "/plan")[1] == [RULE]
        load.goes_on()


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
