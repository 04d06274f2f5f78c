"""What the RESP faults do to a real redis-server and its clients."""

import contextlib
import socket

import pytest
from labs import Redis, RedisError, wait_until
from proxies import Proxy
from servers import SERVER, servers

pytestmark = pytest.mark.skipif(SERVER is None, reason="no redis-server")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with servers(tmp_path_factory.mktemp("redis"), ()) as (one,):
        yield one


@pytest.fixture
def through(server):
    """through(rules...): a client behind a proxy; the server is empty at first."""
    server.do("FLUSHALL")
    with contextlib.ExitStack() as stack:
        def start(*rules):
            proxy = stack.enter_context(Proxy(server.at, *rules))
            return proxy, stack.enter_context(Redis(proxy.at))
        yield start


def pipeline(client, *commands):
    """All at once; the replies in order."""
    client.sock.sendall(b"".join(
        b"*%d\r\n" % len(c) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w.encode())
                                       for w in c) for c in commands))
    return [client.reply() for _ in commands]


def test_an_error_instead_of_the_command_leaves_the_server_as_it_was(server, through):
    _, client = through("on client -> r1 when command=INCR nth=3 do error LOADING")
    got = pipeline(client, *[["INCR", "n"]] * 10)
    assert got[2] == "LOADING Redis is loading the dataset in memory"
    assert isinstance(got[2], RedisError)
    assert got[:2] + got[3:] == list(range(1, 10))
    assert server.do("GET", "n") == "9"


def test_an_error_in_place_of_the_reply_hides_that_it_ran(server, through):
    _, client = through("on client -> r1 replies when command=INCR nth=3 "
                        "do error OOM text=full")
    got = pipeline(client, *[["INCR", "n"]] * 10)
    assert got == [1, 2, "OOM full", *range(4, 11)]
    assert server.do("GET", "n") == "10"


@pytest.mark.parametrize("resp", [2, 3])
def test_an_error_inside_multi_keeps_one_command_out_of_it(server, through, resp):
    _, client = through("on client -> r1 when command=INCR in=multi "
                        "do error MOVED text=\"3999 127.0.0.1:6381\"")
    client.do("HELLO", resp)
    got = pipeline(client, ["INCR", "n"], ["MULTI"], ["SET", "a", "1"], ["INCR", "n"],
                   ["SET", "b", "2"], ["EXEC"], ["INCR", "n"])
    assert got == [1, "OK", "QUEUED", "MOVED 3999 127.0.0.1:6381", "QUEUED",
                   ["OK", "OK"], 2]
    assert server.do("MGET", "a", "b", "n") == ["1", "2", "2"]


def test_a_lost_exec_has_been_executed(server, through):
    proxy, client = through("on client -> r1 when command=EXEC do lose-reply once")
    client.sock.sendall(b"MULTI\r\nINCR n\r\nEXEC\r\n")
    assert [client.reply(), client.reply()] == ["OK", "QUEUED"]
    with pytest.raises(ConnectionResetError):
        client.sock.recv(1)
    assert server.do("GET", "n") == "1"
    with Redis(proxy.at) as again:  # what a client that retries does
        assert pipeline(again, ["MULTI"], ["INCR", "n"], ["EXEC"])[2] == [2]


@pytest.mark.parametrize("then", ["reset", "close", "skip", "hang"])
def test_a_command_whose_reply_is_lost_runs_exactly_once(server, through, then):
    _, client = through(f"on client -> r1 when command=INCR do lose-reply then={then}")
    client.sock.sendall(b"INCR n\r\n")
    if then == "reset":
        with pytest.raises(ConnectionResetError):
            client.sock.recv(1)
    elif then == "close":
        assert client.sock.recv(1) == b""
    else:
        client.sock.settimeout(0.2)
        with pytest.raises(socket.timeout):
            client.sock.recv(1)
    assert server.do("GET", "n") == "1"


def test_a_duplicated_request_counts_twice_and_is_answered_once(server, through):
    _, client = through("on client -> r1 when command=INCR do duplicate-request")
    assert client.do("INCR", "n") == 1
    assert server.do("GET", "n") == "2"
    assert pipeline(client, ["INCR", "n"], ["GET", "n"], ["INCR", "n"]) == [3, "4", 5]
    assert server.do("GET", "n") == "6"


def test_a_duplicate_inside_multi_is_queued_twice(server, through):
    _, client = through("on client -> r1 when command=INCR do duplicate-request")
    assert pipeline(client, ["MULTI"], ["INCR", "n"], ["EXEC"]) == \
        ["OK", "QUEUED", [1, 2]]


@pytest.mark.parametrize("what", [["SUBSCRIBE", "a", "b"], ["MONITOR"], ["HELLO", "3"],
                                  ["MULTI"], ["EXEC"], ["CLIENT", "REPLY", "SKIP"],
                                  ["RESET"], ["PING"]])
def test_whatever_is_duplicated_the_next_answers_are_right(through, what):
    _, client = through(f"on client -> r1 when command={what[0]} first=1 "
                        "do duplicate-request")
    silent = what[-1] == "SKIP"
    client.sock.sendall(b" ".join(w.encode() for w in what) + b"\r\n")
    for _ in range(0 if silent else max(1, len(what) - 1 if "a" in what else 1)):
        client.reply()
    client.sock.sendall(b"RESET\r\nRESET\r\nECHO end\r\n")
    got = []
    while not got or got[-1] != "end":
        got.append(client.reply())
    assert got.count("RESET") == (2 - silent if what != ["RESET"] else 2)
    assert got[-2:] == ["RESET", "end"]


def test_a_swallowed_request_never_ran(server, through):
    _, client = through("on client -> r1 when command=INCR nth=2 do swallow-request")
    client.sock.sendall(b"INCR n\r\nINCR n\r\nINCR n\r\nPING\r\n")
    assert [client.reply() for _ in range(3)] == [1, 2, "PONG"]
    client.sock.settimeout(0.2)
    with pytest.raises(socket.timeout):
        client.sock.recv(1)
    assert server.do("GET", "n") == "2"


def test_a_duplicated_reply_makes_a_client_one_answer_late(through):
    _, client = through("on client -> r1 when command=GET nth=1 do duplicate-reply")
    client.do("SET", "a", "1")
    client.do("SET", "b", "2")
    assert client.do("GET", "a") == "1"
    assert client.do("GET", "b") == "1", "the mix-up of pooled connections"
    assert client.do("PING") == "2"


def test_a_reply_of_ones_own(server, through):
    _, client = through("on client -> r1 requests when command=GET key=fake* "
                        "do reply \"not there\"",
                        "on client -> r1 replies when command=GET reply=nil "
                        "do reply 0 as=integer")
    server.do("SET", "real", "1")
    assert [client.do("GET", k) for k in ("fake1", "real", "none")] == \
        ["not there", "1", 0]


def test_a_reply_is_torn_inside_and_the_value_is_whole(server, through):
    _, client = through("on client -> r1 when command=GET do cut inside bytes=100000 "
                        "then=close")
    value = "x" * 1_000_000
    server.do("SET", "k", value)
    client.sock.sendall(b"GET k\r\n")
    got = b""
    while part := client.sock.recv(1 << 16):
        got += part
    assert got == b"$1000000\r\n" + b"x" * (100000 - 10)
    assert server.do("STRLEN", "k") == 1_000_000


def test_a_push_beside_those_of_client_tracking(server, through):
    """Real invalidations go on; ours come in front of an answer; no answer is lost."""
    proxy, client = through("on client -> r1 when command=GET key=t nth=2 "
                            "do push invalidate text=ours")
    client.do("HELLO", "3")
    assert client.do("CLIENT", "TRACKING", "ON") == "OK"
    server.do("SET", "t", "1")
    assert client.do("GET", "t") == "1"
    server.do("SET", "t", "2")
    assert client.reply() == ["invalidate", ["t"]]
    client.sock.sendall(b"GET t\r\nPING\r\n")
    assert [client.reply() for _ in range(3)] == [["invalidate", ["ours"]], "2", "PONG"]
    server.do("SET", "t", "3")
    assert client.reply() == ["invalidate", ["t"]]
    assert client.do("GET", "t") == "3"
    assert not any("pairing" in line for line in proxy.log)


def test_an_invalidation_that_gets_lost_leaves_a_stale_cache(server, through):
    _, client = through("on client -> r1 replies when reply=push nth=1 "
                        "do lose-reply then=skip")
    client.do("HELLO", "3")
    client.do("CLIENT", "TRACKING", "ON")
    for key in ("a", "b"):
        server.do("SET", key, "1")
        client.do("GET", key)
    server.do("SET", "a", "2")
    server.do("SET", "b", "2")
    assert client.reply() == ["invalidate", ["b"]]


def test_errors_by_user_database_and_name(server, through):
    server.do("ACL", "SETUSER", "joe", "on", ">pw", "~*", "+@all")
    rule = "on client -> r1 when command=GET {} do error NOPERM text=joe"
    for condition, words in (("user=joe", ["AUTH", "joe", "pw"]),
                             ("db=3", ["SELECT", "3"]),
                             ("client-name=web*", ["CLIENT", "SETNAME", "web1"])):
        _, client = through(rule.format(condition))
        assert client.do("GET", "k") is None
        assert client.do(*words) == "OK"
        assert client.do("GET", "k") == "NOPERM joe"
        assert client.do("RESET") == "RESET"
        assert client.do("GET", "k") is None


def test_a_replica_behind_a_lossy_link_ends_up_the_same(server, tmp_path):
    """Packets are lost, bytes are not: the replication stream arrives as it is."""
    server.do("FLUSHALL")
    with Proxy(server.at, "on * -> r1 do loss 5%") as proxy, \
            servers(tmp_path, ()) as (replica,):
        host, port = proxy.at.rsplit(":", 1)
        assert replica.do("REPLICAOF", host, port) == "OK"
        wait_until(lambda: replica.info("replication")["master_link_status"] == "up",
                   "the replica is in sync")
        for i in range(500):
            server.do("SET", f"k{i}", "v" * i)
        wait_until(lambda: replica.do("DBSIZE") == 500, "all keys are there")
        assert replica.do("DEBUG", "DIGEST") == server.do("DEBUG", "DIGEST")
