"""When a rule acts: each condition on a real session, and what starts and ends rules."""

import time

import pytest
from conftest import PING, PONG, command, pong, wait_until
from control import live  # noqa: F401  pylint: disable=unused-import

HIT = b"-ERR hit\r\n"
ERROR = "error ERR text=hit"
GET = command("GET", "k")


def ask(dialer, server, *words):
    """Was the command answered by the rule? Else by the server, with OK."""
    asked = command(*words)
    dialer.send(asked + command("ECHO", "end"))
    got = server.recv(len(command("ECHO", "end")))
    hit = got == command("ECHO", "end")
    if not hit:
        got += server.recv(len(asked))
        assert got == asked + command("ECHO", "end")
    server.send(b"+OK\r\n" * (1 if hit else 2))
    dialer.expect((HIT if hit else b"+OK\r\n") + b"+OK\r\n")
    return hit


# rule, what makes it true, what does not, what makes it untrue again (or None)
@pytest.mark.parametrize("when, yes, no, again", [
    ("client-name=web*", [["CLIENT", "SETNAME", "web1"]], [["CLIENT", "SETNAME", "app"]],
     ["RESET"]),
    ("client-name=web*", [["HELLO", "2", "SETNAME", "web-7"]], [], ["RESET"]),
    ("user=joe", [["AUTH", "joe", "secret"]], [["AUTH", "secret"]], ["RESET"]),
    ("user=joe", [["HELLO", "2", "AUTH", "joe", "secret"]], [], ["AUTH", "pw"]),
    ("user=default", [], [["AUTH", "joe", "secret"]], ["AUTH", "joe", "x"]),
    ("db=3", [["SELECT", "3"]], [["SELECT", "33"]], ["SELECT", "0"]),
    ("db=0", [], [["SELECT", "1"]], ["SELECT", "1"]),
    ("in=multi", [["MULTI"]], [["PING"]], ["EXEC"]),
    ("in=multi", [["multi"]], [], ["DISCARD"])])
def test_the_state_of_the_session(sunder, upstream, when, yes, no, again):
    server = upstream()
    proxy = sunder(server, f"on client -> r1 when command=GET {when} do {ERROR}")
    for others in (no, []) if no else ([],):
        dialer, peer = proxy.dial(), server.accept()
        for words in others:
            assert not ask(dialer, peer, *words)
        if others:
            assert not ask(dialer, peer, "GET", "k")
        dialer.close()
    dialer, peer = proxy.dial(), server.accept()
    if yes:
        assert not ask(dialer, peer, "GET", "k")
    for words in yes:
        assert not ask(dialer, peer, *words)
    assert ask(dialer, peer, "GET", "k")
    assert not ask(dialer, peer, *again)
    assert not ask(dialer, peer, "GET", "k")
    dialer.close()


@pytest.mark.parametrize("when, hits, misses", [
    ("command=get,SET", [["GET", "k"], ["set", "k", "v"]], [["GETSET", "k", "v"]]),
    ("key=user:*", [["GET", "user:1"], ["DEL", "user:"]], [["GET", "use"], ["PING"]]),
    ("arg=*secret*", [["SET", "k", "a secret"], ["GET", "secret"]], [["SET", "k", "v"]]),
    ("command=SET key=a* arg=NX", [["SET", "ab", "1", "NX"]],
     [["SET", "b", "1", "NX"], ["SET", "a", "1"], ["GET", "a", "NX"]])])
def test_the_words_of_the_command(pair, when, hits, misses):
    _, dialer, server = pair(f"on client -> r1 when {when} do {ERROR}")
    for words in hits * 2:
        assert ask(dialer, server, *words), words
    for words in misses * 2:
        assert not ask(dialer, server, *words), words


@pytest.mark.parametrize("kind, hits, misses", [
    ("error", [b"-ERR x\r\n", b"-MOVED 1 a:1\r\n", b"!5\r\nERR x\r\n"], [b"+ERR\r\n"]),
    ("MOVED", [b"-MOVED 1 a:1\r\n"],
     [b"-ERR MOVED\r\n", b"-MOVEDX 1\r\n", b"+MOVED\r\n"]),
    ("wrongtype", [b"-WRONGTYPE Operation\r\n"], [b"-ERR wrongtype\r\n"]),
    ("nil", [b"$-1\r\n", b"*-1\r\n", b"_\r\n"], [b"$0\r\n\r\n", b"*0\r\n"]),
    ("ok", [b"+OK\r\n"], [b"+QUEUED\r\n", b"$2\r\nOK\r\n"]),
    ("status", [b"+OK\r\n", b"+PONG\r\n"], [b":1\r\n"]),
    ("integer", [b":1\r\n", b":-5\r\n"], [b"$1\r\n1\r\n"]),
    ("bulk", [b"$1\r\nx\r\n", b"$300\r\n" + b"x" * 300 + b"\r\n"], [b"$-1\r\n"]),
    ("array", [b"*0\r\n", b"*1\r\n:1\r\n", b"~1\r\n:1\r\n"], [b"*-1\r\n", b"%0\r\n"]),
    ("map", [b"%1\r\n+a\r\n:1\r\n"], [b"*2\r\n+a\r\n:1\r\n"])])
def test_the_reply(pair, kind, hits, misses):
    _, dialer, server = pair(f"on client -> r1 replies when command=GET reply={kind} "
                             "do reply hit as=status")
    for reply, want in [(h, b"+hit\r\n") for h in hits] + [(m, m) for m in misses]:
        dialer.send(command("PING") + GET)
        server.expect(command("PING") + GET)
        server.send(reply * 2)  # to PING the same: it is not GET
        dialer.expect(reply + want)


def test_the_ordinal_of_the_session_on_its_link(sunder, upstream):
    server = upstream()
    proxy = sunder(server, f"on client -> r1 when session=2 command=GET do {ERROR}")
    hits = []
    for _ in range(3):
        dialer, peer = proxy.dial(), server.accept()
        hits.append(ask(dialer, peer, "GET", "k"))
        dialer.close()
    assert hits == [False, True, False]


def test_the_role_the_session_turned_out_to_have(sunder, upstream):
    server = upstream()
    proxy = sunder(server, ["on client -> r1 replies when role=pubsub do slow-close 1h",
                            "on client -> r1 replies when role=replication do hang"])
    for first, late in ((command("SUBSCRIBE", "a"), True), (command("PING"), False)):
        dialer, peer = proxy.dial(), server.accept()
        dialer.send(first)
        peer.expect(first)
        told = b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n" if late else PONG
        peer.send(told)
        dialer.expect(told)
        peer.close()
        assert dialer.silent(0.2) if late else dialer.rest() == b""
        dialer.close()
    dialer, peer = proxy.dial(), server.accept()
    dialer.send(command("PING"))
    peer.expect(command("PING"))
    peer.send(PONG)
    dialer.expect(PONG)
    dialer.send(command("PSYNC", "?", "-1"))
    peer.expect(command("PSYNC", "?", "-1"))
    peer.send(b"+FULLRESYNC 0 0\r\n")
    assert dialer.silent(0.1)


def test_who_dials_is_known_by_his_address(sunder, upstream):
    server = upstream()
    proxy = sunder(config={
        "nodes": [{"name": "r1", "listen": "127.0.0.1:0", "upstream": server.address}],
        "clients": [{"name": "web", "sources": ["127.0.0.80/31"]},
                    {"name": "one", "sources": ["127.0.0.81"]}],
        "rules": [f"on web -> r1 when command=GET do {ERROR}"]})
    hits = {}
    for source in ("127.0.0.80", "127.0.0.81", "127.0.0.1"):
        dialer, peer = proxy.dial(source=source), server.accept()
        hits[source] = ask(dialer, peer, "GET", "k")
        dialer.close()
    assert hits == {"127.0.0.80": True, "127.0.0.81": False, "127.0.0.1": False}


def test_a_rule_begins_when_another_has_fired_on_any_session(sunder, upstream):
    server = upstream()
    proxy = sunder(server, ["bell: on client -> r1 requests when command=SET nth=2 "
                            "do latency 1us",
                            f"on client -> r1 when command=GET after bell fired do "
                            f"{ERROR}"])
    (one, peer1), (two, peer2) = ((proxy.dial(), server.accept()) for _ in range(2))
    assert not ask(one, peer1, "GET", "k")
    assert not ask(two, peer2, "SET", "k", "v")
    assert not ask(one, peer1, "GET", "k")
    assert not ask(two, peer2, "SET", "k", "v")  # the second of this session
    assert ask(one, peer1, "GET", "k") and ask(two, peer2, "GET", "k")


def test_a_rule_ends_when_another_has_fired(sunder, upstream):
    server = upstream()
    proxy = sunder(server, ["bell: on client -> r1 requests when command=SET do "
                            "latency 1us",
                            f"on client -> r1 when command=GET do {ERROR} until bell "
                            "fired"])
    dialer, peer = proxy.dial(), server.accept()
    assert ask(dialer, peer, "GET", "k")
    assert not ask(dialer, peer, "SET", "k", "v")
    assert not ask(dialer, peer, "GET", "k")
    proxy.event("rule.expire")


def test_once_is_once_for_all_sessions(sunder, upstream):
    server = upstream()
    proxy = sunder(server, f"on client -> r1 when command=GET do {ERROR} once")
    (one, peer1), (two, peer2) = ((proxy.dial(), server.accept()) for _ in range(2))
    assert ask(two, peer2, "GET", "k")
    assert not ask(two, peer2, "GET", "k") and not ask(one, peer1, "GET", "k")


def test_once_in_a_pipeline_is_the_first(pair):
    _, dialer, server = pair(f"on client -> r1 when command=GET do {ERROR} once")
    dialer.send(GET * 5)
    server.expect(GET * 4)
    server.send(b":1\r\n" * 4)
    dialer.expect(HIT + b":1\r\n" * 4)


def test_a_chain_of_rules_plays_a_scenario(sunder, upstream):
    """The third EXEC loses its reply; then for a while the node is read only."""
    server = upstream()
    proxy = sunder(server, ["boom: on client -> r1 when command=EXEC nth=3 do lose-reply "
                            "once",
                            f"on client -> r1 when command=SET first=2 after boom fired "
                            f"do {ERROR}"])
    dialer, peer = proxy.dial(), server.accept()
    dialer.send(command("EXEC") * 3)
    peer.expect(command("EXEC") * 3)
    peer.send(b"*0\r\n" * 3)
    dialer.expect(b"*0\r\n" * 2)
    dialer.expect_reset()
    dialer, peer = proxy.dial(), server.accept()
    assert [ask(dialer, peer, "SET", "k", "v") for _ in range(3)] == [True, True, False]


def test_for_counts_from_when_the_rule_was_added(live):
    control, proxy, dialer, server = live()
    assert not ask(dialer, server, "GET", "k")
    start = time.monotonic()
    control.add(f"brief: on client -> r1 when command=GET do {ERROR} for 300ms")
    assert ask(dialer, server, "GET", "k")
    proxy.event("rule.expire")
    assert 0.3 <= time.monotonic() - start < 3
    wait_until(lambda: not ask(dialer, server, "GET", "k"), "it is over")


def test_a_wrong_rule_is_one_line_and_changes_nothing(live):
    control, _, dialer, server = live()
    for wrong in ("on client -> r1 do latency -1ms", "on client -> r1 do latency nan",
                  "on client -> r1 when command=GET do refuse",
                  "on client -> r1 nth=3 do blackhole", "on client -> r1 do hang \a",
                  "on client -> r1 do error MOVED", "on client -> r1 do cut inside",
                  'on client -> r1 do reply "*2\\r\\n+x\\r\\n" as=raw',
                  'on client -> r1 do reply "unterminated'):
        with pytest.raises(AssertionError, match="-ERR"):
            control.add(wrong)
    assert not ask(dialer, server, "GET", "k")


def test_rules_for_one_session_do_not_touch_its_neighbour(sunder, upstream):
    server = upstream().serve(pong)
    proxy = sunder(server, "on client -> r1 requests when session=1 do hang")
    stuck, free = proxy.dial(), None
    stuck.send(PING)
    assert stuck.silent(0.05)
    free = proxy.dial()
    free.send(PING)
    free.expect(PONG)
    assert stuck.silent(0)
