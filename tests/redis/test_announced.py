"""Real servers and a Sentinel on one address: what they announce says who dials."""

import contextlib
import json

import pytest
from labs import Redis, wait_until
from links import Asked
from servers import SERVER, Configured, Server, free_port

pytestmark = pytest.mark.skipif(SERVER is None, reason="no redis-server")


@pytest.fixture
def trio(tmp_path):
    """A master, a replica and a Sentinel, none with a source that the proxy knows."""
    ports = {name: free_port() for name in ("r1", "r2", "s1", "real s1")}
    with contextlib.ExitStack() as stack:
        redis = {}
        for name in ("r1", "r2"):
            redis[name] = Server(tmp_path, "--replica-announce-ip", "127.0.0.1",
                                 "--replica-announce-port", str(ports[name]),
                                 "--dbfilename", f"{name}.rdb")
            stack.callback(redis[name].end)
        nodes = [{"name": n, "listen": f"127.0.0.1:{ports[n]}", "upstream": redis[n].at}
                 for n in redis]
        nodes.append({"name": "s1", "kind": "sentinel",
                      "listen": f"127.0.0.1:{ports['s1']}",
                      "upstream": f"127.0.0.1:{ports['real s1']}"})
        (tmp_path / "sunder.yaml").write_text(json.dumps({"nodes": nodes}))
        proxy = stack.enter_context(
            Asked(None, flags=("--config", str(tmp_path / "sunder.yaml"))))
        assert redis["r2"].do("REPLICAOF", "127.0.0.1", ports["r1"]) == "OK"
        at = f"127.0.0.1:{ports['real s1']}"
        (tmp_path / "s1").mkdir()
        sentinel = Configured(at, tmp_path / "s1", f"""
            port {ports['real s1']}
            bind 127.0.0.1
            sentinel monitor mymaster 127.0.0.1 {ports['r1']} 1
            sentinel announce-ip 127.0.0.1
            sentinel announce-port {ports['s1']}""")
        stack.callback(sentinel.end)
        yield redis, proxy


def live(proxy):
    return {(one["from"], one["to"]): one["sessions"]
            for one in proxy.call("GET", "/links") if one["sessions"]}


def test_each_link_has_the_name_of_who_is_on_it(trio):
    redis, proxy = trio
    wait_until(lambda: live(proxy) == {("r2", "r1"): 1, ("s1", "r1"): 2,
                                       ("s1", "r2"): 2},
               "replication, and two connections of the Sentinel to each")
    proxy.add("hold: on r2 -> r1 replies do hang")
    with Redis(redis["r1"].at) as client:
        client.do("SET", "k", "v")
        assert client.do("WAIT", "1", "300") == 0, "the replica is held back"
    assert redis["r2"].do("GET", "k") is None
    proxy.remove("hold")
    wait_until(lambda: redis["r2"].do("GET", "k") == "v", "it has it")
