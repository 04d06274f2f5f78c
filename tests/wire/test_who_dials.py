"""Who dials, by what it says of itself: here all dial from one address."""

import json
import socket
import subprocess

import conftest
import pytest
from conftest import DEADLINE, command

REPLICA = "on r2 -> r1 requests do hang"
OK = b"+OK\r\n"


def ok(peer):
    while data := peer.sock.recv(1 << 16):
        peer.send(OK * data.count(b"*"))


@pytest.fixture
def known(sunder, upstream):
    """Start a proxy in front of r1, r2, s1 and s2, with what they and clients say."""
    def start(*rules, listen="127.0.0.1:0", clients=(), **said):
        nodes = [{"name": name, "listen": listen,
                  "upstream": upstream().serve(ok).address,
                  **({"kind": "sentinel"} if name[0] == "s" else {}),
                  **said.get(name, {})} for name in ("r1", "r2", "s1", "s2")]
        return sunder(config={"nodes": nodes, "rules": list(rules),
                              "clients": list(clients)})
    return start


def say(dialer, *words):
    dialer.send(command(*words))
    dialer.expect(OK)


def is_held(dialer):
    dialer.send(command("GET", "k"))
    return dialer.silent(0.3)


def replica(proxy, port, *ip, node="r1"):
    dialer = proxy.dial(node)
    dialer.send(command("REPLCONF", "listening-port", port) +
                b"".join(command("REPLCONF", "ip-address", one) for one in ip))
    dialer.expect(OK * (1 + len(ip)))
    return dialer


def hello(dialer, at, run, suffix="cmd"):
    host, port = at
    say(dialer, "CLIENT", "SETNAME", f"sentinel-{run[:8]}-{suffix}")
    say(dialer, "PUBLISH", "__sentinel__:hello",
        f"{host},{port},{run},0,mymaster,127.0.0.1,1,0")


def test_a_replica_that_announces_its_listener_is_known_by_it(known):
    proxy = known(REPLICA)
    host, port = proxy.address("r2")
    dialer = replica(proxy, port, host)
    assert proxy.event("session.is")["link"] == "r2->r1"
    assert is_held(dialer)
    assert not is_held(proxy.dial()), "anybody else"
    dialer.close()


def test_a_replica_that_announces_nothing_is_known_by_its_port(known):
    """Where nodes of one machine differ by their ports alone."""
    proxy = known(REPLICA)
    up = proxy.event("listen", node="r2")["upstream"]
    assert is_held(replica(proxy, up.rsplit(":", 1)[1]))


def test_who_listens_everywhere_has_the_address_that_was_dialed(known):
    proxy = known(REPLICA, listen="0.0.0.0:0")
    _, port = proxy.address("r2")
    assert not is_held(replica(proxy, port, "10.9.8.7"))
    assert is_held(replica(proxy, port, "127.0.0.1"))


@pytest.mark.parametrize("family", ["127.0.0.1", "::1"])
def test_what_a_node_announces_can_be_configured(known, family):
    said = ["redis-1.shop.svc.cluster.local:6379", "[fd00::1]:6379"]
    proxy = known(REPLICA, listen="[::]:0", r2={"announces": said})
    _, port = proxy.address("r1")
    for ip in ("Redis-1.shop.svc.cluster.local", "fd00::1"):
        with socket.create_connection((family, port), DEADLINE) as sock:
            dialer = conftest.Peer(sock)
            say(dialer, "REPLCONF", "listening-port", 6379)
            say(dialer, "REPLCONF", "ip-address", ip)
            assert is_held(dialer)


def test_another_port_is_another_node(known):
    proxy = known(REPLICA, r2={"announces": "10.0.0.2:6379"})
    assert not is_held(replica(proxy, 6380, "10.0.0.2"))
    assert not is_held(replica(proxy, 6379, "10.0.0.3"))


def test_a_sentinel_is_known_by_its_hello_and_with_it_all_its_connections(known):
    proxy = known("on s2 -> r1 requests do hang")
    run = "0123456789abcdef" * 2 + "01234567"
    early = proxy.dial()
    say(early, "CLIENT", "SETNAME", f"sentinel-{run[:8]}-pubsub")
    cmd = proxy.dial()
    hello(cmd, proxy.address("s2"), run)
    assert proxy.event("sentinel")["node"] == "s2"
    assert is_held(cmd)
    assert is_held(early), "the connection that was there before"
    late = proxy.dial()
    say(late, "CLIENT", "SETNAME", f"sentinel-{run[:8]}-pubsub")
    assert is_held(late), "and one that comes after"
    other = proxy.dial()
    hello(other, proxy.address("s1"), "f" * 40)
    assert not is_held(other)


def test_a_sentinel_that_was_restarted_is_known_again(known):
    proxy = known("on s2 -> r1 requests do hang")
    for run in ("a" * 40, "b" * 40):
        cmd = proxy.dial()
        hello(cmd, proxy.address("s2"), run)
        assert is_held(cmd)


def test_a_client_is_known_by_the_name_it_gives_itself(known):
    clients = [{"name": "billing", "client-names": ["bill-*", "invoices"]},
               {"name": "shop"}]
    proxy = known("on billing -> r1 requests do hang",
                  "on shop -> r1 requests when command=GET do close",
                  clients=clients)
    for name in ("bill-7", "invoices"):
        dialer = proxy.dial()
        say(dialer, "CLIENT", "SETNAME", name)
        assert is_held(dialer)
    shop = proxy.dial()
    say(shop, "HELLO", 3, "SETNAME", "shop")
    shop.send(command("GET", "k"))
    shop.expect_end()
    other = proxy.dial()
    say(other, "CLIENT", "SETNAME", "billing")
    assert not is_held(other), "that one has other names"


def test_who_says_who_it_is_is_believed_before_its_address(known):
    proxy = known("on c1 -> r1 requests do hang",
                  clients=[{"name": "c1"}, {"name": "c2", "sources": "127.0.0.1"}])
    dialer = proxy.dial()
    assert not is_held(dialer)
    say_ok = command("CLIENT", "SETNAME", "c1")
    dialer.send(say_ok)
    dialer.expect(OK * 2)  # the GET before, and this
    assert proxy.event("session.is", was="c2")["link"] == "c1->r1"
    assert is_held(dialer)


def test_a_redis_and_a_sentinel_may_share_an_address(known):
    both = {"sources": "127.0.0.1"}
    proxy = known("on r2 -> r1 requests do hang", "on s2 -> r1 requests do close",
                  r2=both, s2=both)
    assert is_held(proxy.dial())
    cmd = proxy.dial()
    cmd.send(command("CLIENT", "SETNAME", "sentinel-01234567-cmd"))
    assert proxy.event("session.is", link="s2->r1")["was"] == "r2", "at first"
    cmd.expect_end()


def test_a_handshake_that_lies_harms_nobody(known):
    proxy = known(REPLICA)
    for port, ip in ((0, ""), (99999999999, "x" * 4000), (-1, "\r\n"), ("abc", "::")):
        dialer = proxy.dial()
        dialer.send(command("REPLCONF", "listening-port", port) +
                    command("REPLCONF", "ip-address", ip))
        dialer.expect(OK)
        dialer.close()
    for said in ("", ",", ",,,", "x" * 4000, "127.0.0.1", "127.0.0.1,abc", "%n%s,1"):
        dialer = proxy.dial()
        say(dialer, "CLIENT", "SETNAME", "sentinel-01234567-cmd")
        say(dialer, "PUBLISH", "__sentinel__:hello", said)
        dialer.close()
    assert not proxy.events("session.is")


@pytest.mark.parametrize("more, message", [
    ({"announces": "10.0.0.1"}, "port"),
    ({"announces": "unix:/tmp/x"}, "announce"),
    ({"client-names": "a"}, "client-names"),
])
def test_a_node_announces_an_address_with_a_port(tmp_path, more, message):
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps({"nodes": [
        {"name": "r1", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", **more}]}))
    done = subprocess.run([conftest.SUNDER, "proxy", "--check", "--config", path],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2 and message in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2


def test_more_clients_than_a_packet_filter_holds_need_none(sunder, upstream):
    clients = [{"name": f"c{i}", "sources": f"10.1.{i // 200}.{i % 200}"}
               for i in range(400)]
    node = {"name": "r1", "listen": "127.0.0.1:0",
            "upstream": upstream().serve(ok).address}
    proxy = sunder(config={"clients": clients, "nodes": [node]})
    say(proxy.dial(), "PING")
