"""Every RESP fault on the 3rd of 10 pipelined commands: in RESP2 and RESP3, inside MULTI
and outside, with push messages in between, however the kernel cuts the stream. The test
is both the client and the server."""

import pytest
from conftest import command, logfmt

OK, QUEUED = b"+OK\r\n", b"+QUEUED\r\n"
PUSH = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"
LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"
MOVED = b"-MOVED 3999 127.0.0.1:6381\r\n"
MOVING = b">4\r\n$6\r\nMOVING\r\n:1\r\n:10\r\n$11\r\n127.0.0.1:1\r\n"
ASK = [command("INCR", f"n{i}") for i in range(1, 11)]
ANSWERS = [b":%d\r\n" % i for i in range(1, 11)]

# what the 3rd command becomes for the server, and its answer for the client; then
# whether the connection goes on
CASES = {
    "error LOADING": ([], [LOADING]),
    'error MOVED text="3999 127.0.0.1:6381"': ([], [MOVED]),
    "replies:error OOM text=full": (ASK[2:3], [b"-OOM full\r\n"]),
    "requests:reply hello": ([], [b"$5\r\nhello\r\n"]),
    "reply 77 as=integer": (ASK[2:3], [b":77\r\n"]),
    r'reply "*1\r\n+x\r\n" as=raw': (ASK[2:3], [b"*1\r\n+x\r\n"]),
    "swallow-request": ([], []),
    "duplicate-request": (ASK[2:3] * 2, ANSWERS[2:3]),
    "duplicate-reply": (ASK[2:3], ANSWERS[2:3] * 2),
    "lose-reply then=skip": (ASK[2:3], []),
}
ENDS = {
    "lose-reply": (b"", "reset"), "lose-reply then=close": (b"", "close"),
    "cut before": (b"", "reset"), "cut before then=close": (b"", "close"),
    "cut inside bytes=2 then=close": (ANSWERS[2][:2], "close"),
    "cut inside bytes=2": (ANSWERS[2][:2], "reset"),
    "cut after": (ANSWERS[2], "reset"), "cut after then=close": (ANSWERS[2], "close"),
}


def rule(fault, condition):
    lane, _, what = fault.rpartition(":")
    if lane not in ("requests", "replies"):
        lane, what = "", fault
    return f"on client -> r1 {lane} when command=INCR {condition} nth=3 do {what}"


def hello(dialer, server, resp):
    if resp == 3:
        dialer.send(command("HELLO", "3"))
        server.expect(command("HELLO", "3"))
        server.send(b"%1\r\n+proto\r\n:3\r\n")
        dialer.expect(b"%1\r\n+proto\r\n:3\r\n")


def send(peer, data, step):
    """As one piece, or a few bytes a write."""
    for at in range(0, len(data), step or len(data)):
        peer.send(data[at:at + (step or len(data))])


@pytest.mark.parametrize("step", [0, 3], ids=["whole", "torn"])
@pytest.mark.parametrize("multi", [False, True], ids=["plain", "multi"])
@pytest.mark.parametrize("resp", [2, 3])
@pytest.mark.parametrize("fault", CASES)
def test_it_happens_in_its_place_and_nothing_else_does(pair, fault, resp, multi, step):
    proxy, dialer, server = pair(rule(fault, "in=multi" if multi else ""))
    hello(dialer, server, resp)
    third, answer = CASES[fault]
    push = [PUSH] if resp == 3 else []
    asked = ASK[:2] + third + ASK[3:]
    before, behind = [], []
    answers = [ANSWERS[ASK.index(a)] for a in asked]
    if multi:
        dialer.send(ASK[0] * 3)  # these do not count
        server.expect(ASK[0] * 3)
        server.send(OK * 3)
        dialer.expect(OK * 3)
        before, behind = [command("MULTI")], [command("EXEC")]
        answers = [QUEUED] * len(asked)
        answer = [QUEUED if a in ANSWERS else a for a in answer]
    send(dialer, b"".join(before + ASK + behind), step)
    server.expect(b"".join(before + asked + behind))
    mark = [OK] if multi else []
    end = [b"*%d\r\n" % len(asked) + b":0\r\n" * len(asked)] if multi else []
    told = mark + [p for a in answers for p in (*push, a)] + end
    send(server, b"".join(told), step)
    answers[2:2 + len(third)] = answer
    want = b"".join(mark + answers + end)
    pushed = len(push) * len(asked)
    got = dialer.recv(len(want) + len(PUSH) * pushed)
    assert got.replace(PUSH, b"") == want, "pushes aside, this is the answer"
    assert got.count(PUSH) == pushed, "and they are all there, none torn"
    dialer.send(command("GET", "k"))
    server.expect(command("GET", "k"))
    server.send(b"$1\r\nv\r\n")
    dialer.expect(b"$1\r\nv\r\n")
    stats = proxy.stats()
    assert stats["pairing_lost"] == 0 and stats["opaque"] == 0


@pytest.mark.parametrize("resp", [2, 3])
@pytest.mark.parametrize("fault", ENDS)
def test_the_connection_ends_there_to_the_byte(pair, fault, resp):
    _, dialer, server = pair(rule(fault, ""))
    hello(dialer, server, resp)
    part, how = ENDS[fault]
    dialer.send(b"".join(ASK))
    server.expect(b"".join(ASK))  # it ran, and so did what came after it
    push = PUSH if resp == 3 else b""
    server.send(b"".join(push + a for a in ANSWERS))
    got = b""
    try:
        while more := dialer.sock.recv(1000):
            got += more
        assert how == "close"
    except ConnectionResetError:
        assert how == "reset"
    assert got == push + ANSWERS[0] + push + ANSWERS[1] + push + part


def test_a_lost_reply_can_leave_the_connection_hanging(pair):
    _, dialer, server = pair("on client -> r1 when command=INCR nth=3 "
                             "do lose-reply then=hang for 700ms")
    dialer.send(b"".join(ASK))
    server.expect(b"".join(ASK))
    server.send(b"".join(ANSWERS))
    dialer.expect(b"".join(ANSWERS[:2]))
    assert dialer.silent(0.1)
    dialer.expect(b"".join(ANSWERS[3:]))  # when the rule is over


def test_the_server_sees_a_swallowed_request_never_and_goes_on(pair):
    _, dialer, server = pair("on client -> r1 when command=INCR do swallow-request")
    dialer.send(command("INCR", "n"))
    assert server.silent(0.1) and dialer.silent(0.05)
    dialer.send(command("GET", "k"))
    server.expect(command("GET", "k"))
    server.send(b"$1\r\nv\r\n")
    dialer.expect(b"$1\r\nv\r\n")


def test_an_error_comes_at_once_when_nobody_is_before_it(pair):
    """The server has said nothing, and need not."""
    _, dialer, server = pair("on client -> r1 when command=GET do error READONLY")
    dialer.send(command("GET", "k"))
    dialer.expect(b"-READONLY You can't write against a read only replica.\r\n")
    assert server.silent(0.05)


def test_an_error_waits_for_a_server_that_is_slow(pair):
    _, dialer, server = pair("on client -> r1 when command=GET do error ERR text=x")
    dialer.send(command("BLPOP", "q", "0") + command("GET", "k"))
    server.expect(command("BLPOP", "q", "0"))
    assert dialer.silent(0.1)
    server.send(b"*2\r\n$1\r\nq\r\n$1\r\nv\r\n")
    dialer.expect(b"*2\r\n$1\r\nq\r\n$1\r\nv\r\n-ERR x\r\n")


def test_a_hold_lasts_until_another_rule_fires(sunder, upstream):
    server = upstream()
    proxy = sunder(server, ["bell: on client -> r1 requests when command=PING do "
                            "latency 1us",
                            "on client -> r1 replies when command=INCR nth=3 do hold "
                            "until bell fired"])
    dialer, peer = proxy.dial(), server.accept()
    dialer.send(b"".join(ASK))
    peer.expect(b"".join(ASK))
    peer.send(b"".join(ANSWERS))
    dialer.expect(b"".join(ANSWERS[:2]))
    assert dialer.silent(0.1)
    other, _ = proxy.dial(), server.accept()
    other.send(command("PING"))
    dialer.expect(b"".join(ANSWERS[2:]))
    other.close()


@pytest.mark.parametrize("message, frame", [
    ("MOVING text=127.0.0.1:1", MOVING),
    ("MIGRATING", b">4\r\n$9\r\nMIGRATING\r\n:1\r\n:10\r\n*1\r\n$1\r\n1\r\n"),
    ("MIGRATED seq=7", b">3\r\n$8\r\nMIGRATED\r\n:7\r\n*1\r\n$1\r\n1\r\n"),
    ("FAILING_OVER after=3",
     b">4\r\n$12\r\nFAILING_OVER\r\n:1\r\n:3\r\n*1\r\n$1\r\n1\r\n"),
    ("FAILED_OVER", b">3\r\n$11\r\nFAILED_OVER\r\n:1\r\n*1\r\n$1\r\n1\r\n"),
    ("invalidate text=k", b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"),
    ("invalidate", b">2\r\n$10\r\ninvalidate\r\n_\r\n"),
    (r'raw text=">1\r\n+hello\r\n"', b">1\r\n+hello\r\n")])
def test_a_push_comes_before_its_answer_and_never_in_resp2(pair, message, frame):
    proxy, dialer, server = pair(f"on client -> r1 when command=INCR nth=6 "
                                 f"do push {message}")
    for resp in (2, 3):
        hello(dialer, server, resp)
        dialer.send(ASK[0] * 5)
        server.expect(ASK[0] * 5)
        for piece in (b":1\r\n:2\r\n:3", b"\r\n:4\r\n:", b"5\r\n"):
            server.send(piece)
        if resp == 2:
            dialer.expect(b"".join(ANSWERS[:5]))
        else:
            dialer.expect(frame + b"".join(ANSWERS[:5]))
    assert proxy.stats()["pairing_lost"] == 0


def test_a_push_that_is_not_for_this_session_is_not_there(pair):
    _, dialer, server = pair("on client -> r1 when command=INCR do push FAILING_OVER")
    dialer.send(ASK[0])
    server.expect(ASK[0])
    server.send(ANSWERS[0])
    dialer.expect(ANSWERS[0])
    assert dialer.silent(0.05)


def test_the_server_in_the_middle_of_a_push_does_not_lose_us_an_answer(pair):
    _, dialer, server = pair("on client -> r1 when command=INCR do error ERR text=x")
    hello(dialer, server, 3)
    server.send(PUSH[:9])
    dialer.expect(PUSH[:9])
    dialer.send(command("INCR", "n"))
    assert dialer.silent(0.1), "an answer would tear the frame that is under way"
    server.send(PUSH[9:])
    dialer.expect(PUSH[9:] + b"-ERR x\r\n")


def test_push_messages_are_no_answers(pair):
    """nth counts answers; what nobody asked for is not replaced, lost or counted."""
    _, dialer, server = pair("on client -> r1 replies nth=3 do error ERR text=x")
    dialer.send(command("HELLO", "3") + b"".join(ASK[:3]))
    server.expect(command("HELLO", "3") + b"".join(ASK[:3]))
    server.send(b"%0\r\n" + PUSH * 5 + ANSWERS[0] + PUSH + ANSWERS[1] + ANSWERS[2])
    dialer.expect(b"%0\r\n" + PUSH * 5 + ANSWERS[0] + PUSH + b"-ERR x\r\n" + ANSWERS[2])


def test_a_push_message_can_be_lost_by_name(pair):
    _, dialer, server = pair("on client -> r1 replies when reply=push nth=2 "
                             "do lose-reply then=skip")
    hello(dialer, server, 3)
    server.send(PUSH + b">1\r\n+second\r\n" + PUSH)
    dialer.expect(PUSH + PUSH)


def test_the_journal_says_what_was_lost_and_what_was_invented(sunder, upstream, tmp_path):
    path = tmp_path / "journal"
    server = upstream()
    proxy = sunder(server, ["no: on client -> r1 when command=INCR nth=3 do error OOM "
                            "text=full"], "--journal", path)
    dialer, peer = proxy.dial(), server.accept()
    dialer.send(b"".join(ASK))
    peer.expect(b"".join(ASK[:2] + ASK[3:]))
    peer.send(b"".join(ANSWERS[:2] + ANSWERS[3:]))
    dialer.expect(b"".join(ANSWERS[:2]) + b"-OOM full\r\n" + b"".join(ANSWERS[3:]))
    dialer.close()
    peer.close()
    proxy.stats_when("the session is gone", lambda s: s["sessions"] == 0)
    proxy.terminate()
    assert proxy.wait() == 0
    lines = [logfmt(line) for line in path.read_text().splitlines()]
    made = [d for d in lines if d["ev"] == "decision"]
    assert [(d["rule"], d["lane"], d["frame"], d["cmd"]) for d in made] == \
        [("no", "requests", "3", "INCR")]
    text = path.read_text()
    assert str(len(ASK[2])) in text and str(len(b"-OOM full\r\n")) in text
