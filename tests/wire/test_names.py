"""Nodes and dialers by name: names that come late, move, and go.

What a Service of its own for each pod asks of the proxy, without a cluster: processes in
a network of their own, with a name server that the test writes.
"""

import json
import subprocess

import conftest
import pytest
from conftest import DEADLINE, PING, PONG, Peer, Upstream, pong, wait_until
from nameserver import nameserver  # noqa: F401  pylint: disable=unused-import

POD = "redis-0.redis-nodes.shop.svc.k.test"
OTHER = "redis-1.redis-nodes.shop.svc.k.test"


def node(name="redis-0", **more):
    return {"name": name, "listen": "127.0.0.1:0",
            "upstream": f"{name}.redis-nodes:6379", **more}


@pytest.fixture
def pod():
    """Start a server that says who it is: pod("127.0.1.1", b"one")."""
    running = []

    def start(address, word, port=6379):
        def play(peer):
            while peer.sock.recv(100):
                peer.send(word)
        family = conftest.socket.AF_INET6 if ":" in address else conftest.socket.AF_INET
        running.append(Upstream((address, port), family=family).serve(play))
        return running[-1]
    yield start
    for one in running:
        one.close()


def answer(proxy, n=3):
    """What a new session is answered; None when the proxy has nobody to ask."""
    try:
        with proxy.dial("redis-0").sock as sock:
            dialer = Peer(sock)
            dialer.send(b"?")
            return dialer.recv(n)
    except (AssertionError, ConnectionError, EOFError):
        return None


def test_a_pod_without_a_name_is_found_as_soon_as_it_has_one(nameserver, sunder, pod):
    proxy = sunder(config={"nodes": [node()]})
    assert answer(proxy) is None
    pod("127.0.1.1", b"one")
    assert answer(proxy) is None
    nameserver.zone[POD] = ["127.0.1.1"]
    assert answer(proxy) == b"one", "the very next session, with nothing remembered"


def test_a_pod_that_moves_is_followed_and_who_is_there_stays(nameserver, sunder, pod):
    nameserver.zone[POD] = ["127.0.1.1"]
    pod("127.0.1.1", b"old"), pod("127.0.1.2", b"new")
    proxy = sunder(config={"nodes": [node()]})
    stays = proxy.dial("redis-0")
    stays.send(b"?")
    assert stays.recv(3) == b"old"
    nameserver.zone[POD] = ["127.0.1.2"]
    assert answer(proxy) == b"new"
    stays.send(b"?")
    assert stays.recv(3) == b"old"
    nameserver.zone.pop(POD)
    assert answer(proxy) is None
    stays.close()


def test_of_several_addresses_the_one_that_answers_is_taken(nameserver, sunder, pod):
    nameserver.zone[POD] = ["127.0.1.7", "127.0.1.8", "127.0.1.1"]
    pod("127.0.1.1", b"one")
    proxy = sunder(config={"nodes": [node()]})
    assert answer(proxy) == b"one"


def test_both_families_are_spoken_on_either_side(nameserver, sunder, pod):
    pod("::1", b"six")
    nameserver.zone[POD] = ["::1"]
    proxy = sunder(config={"nodes": [node(listen="[::]:0")]})
    host, port = proxy.address("redis-0")
    assert host == "::"
    for address in ("127.0.0.1", "::1"):
        with conftest.socket.create_connection((address, port), DEADLINE) as dialer:
            dialer.sendall(b"?")
            assert dialer.recv(3) == b"six"


def test_a_short_name_gets_the_domain_that_is_configured(nameserver, sunder, pod):
    nameserver.zone["redis-0.redis-nodes.shop.svc.other.example"] = ["127.0.1.1"]
    pod("127.0.1.1", b"one")
    one = node(upstream="redis-0.redis-nodes.shop.svc:6379")
    proxy = sunder(config={"cluster-domain": "other.example", "nodes": [one]})
    assert answer(proxy) == b"one"


RULE = "hold: on redis-1 -> redis-0 requests do hang"
PAIR = {"nodes": [node(sources=["redis-0.redis-nodes"]),
                  node("redis-1", sources=["redis-1.redis-nodes"])], "rules": [RULE]}


def ping(dialer):
    dialer.send(PING)
    return dialer.recv(len(PONG)) == PONG


def test_who_dials_is_known_by_the_name_of_its_pod(nameserver, sunder):
    server = Upstream(("127.0.1.1", 6379)).serve(pong)
    nameserver.zone.update({POD: ["127.0.1.1"], OTHER: ["127.0.1.2"]})
    proxy = sunder(config=PAIR)
    proxy.event("name", party="redis-1", first="127.0.1.2")
    anybody, other = proxy.dial("redis-0"), proxy.dial("redis-0", source="127.0.1.2")
    assert ping(anybody)
    other.send(PING)
    assert other.silent(0.3), "the rule is about redis-1, and that is who dials"
    assert ping(anybody)
    anybody.close(), other.close(), server.close()


def test_a_session_that_came_before_its_name_is_known_from_then_on(nameserver, sunder):
    server = Upstream(("127.0.1.1", 6379)).serve(pong)
    nameserver.zone[POD] = ["127.0.1.1"]
    proxy = sunder(config=PAIR)
    early = proxy.dial("redis-0", source="127.0.1.2")
    assert ping(early), "nobody in particular"
    nameserver.zone[OTHER] = ["127.0.1.2"]
    proxy.event("session.is", link="redis-1->redis-0", was="client")
    wait_until(lambda: early.send(PING) or early.silent(0.3) or not early.recv(len(PONG)),
               "its rule holds it")
    # Its pod gets another address; the session is whose it was, and new ones are not.
    nameserver.zone[OTHER] = ["127.0.1.3"]
    proxy.dial("redis-0", source="127.0.1.9").close()  # a stranger: names are looked at
    proxy.event("name", party="redis-1", first="127.0.1.3")
    assert early.silent(0.3)
    later = proxy.dial("redis-0", source="127.0.1.2")
    assert ping(later)
    early.close(), later.close(), server.close()


def test_a_name_server_that_is_silent_makes_nobody_unknown(nameserver, sunder):
    server = Upstream(("127.0.1.1", 6379)).serve(pong)
    config = {"nodes": [{**node(sources=["redis-0.redis-nodes"]),
                         "upstream": "127.0.1.1:6379"},
                        node("redis-1", sources=["redis-1.redis-nodes"])],
              "rules": [RULE]}
    nameserver.zone.update({POD: ["127.0.1.1"], OTHER: ["127.0.1.2"]})
    proxy = sunder(config=config)
    proxy.event("name", party="redis-1", first="127.0.1.2")
    nameserver.mute = True
    anybody = proxy.dial("redis-0")
    assert ping(anybody), "who needs no name waits for none"
    for _ in range(3):  # each asks for a look, which is not answered
        other = proxy.dial("redis-0", source="127.0.1.2")
        other.send(PING)
        assert other.silent(0.5)
        other.close()
    assert ping(anybody)
    anybody.close(), server.close()


def test_a_name_stands_for_all_proxies_behind_it(nameserver, sunder, tmp_path):
    (tmp_path / "token").write_text("open sesame\n")
    server = Upstream(("127.0.1.1", 6379)).serve(pong)
    proxies = [sunder(server, (), "--api", f"127.0.2.{i}:8474", "--api-token-file",
                      tmp_path / "token") for i in (1, 2, 3)]
    nameserver.zone["sunder-api.shop.svc.k.test"] = [f"127.0.2.{i}" for i in (1, 2, 3)]

    def run(*words):
        return subprocess.run(
            [conftest.SUNDER, *words, "--api", "sunder-api:8474", "--api-token-file",
             str(tmp_path / "token")], capture_output=True, text=True, timeout=DEADLINE,
            check=False)
    dialers = [p.dial() for p in proxies]
    done = run("rule", "add", "on client -> r1 when command=PING do error LOADING",
               "-o", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["name"] == "rule-1"
    for d in dialers:
        d.send(PING)
        assert d.recv(8) == b"-LOADING"
        assert d.sock.recv(200).endswith(b"\r\n")
    assert run("rule", "clear").returncode == 0
    assert all(ping(d) for d in dialers)
    for d in dialers:
        d.close()
    server.close()
