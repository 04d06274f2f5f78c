"""`sunder hello` against real servers, and against what is none."""

import json
import re
import time

import pytest
from labs import sunder
from servers import SERVER, Scripted, free_port, servers

pytestmark = pytest.mark.skipif(not SERVER, reason="no redis-server")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A master and its replica."""
    with servers(tmp_path_factory.mktemp("redis"), (), ()) as (master, replica):
        replica.follow(master.port)
        yield master, replica


def test_hello_says_who_is_there_and_what_its_mystery_is(pair):
    master, r2 = pair
    version = master.info("server")["redis_version"]
    done = sunder("hello", env={"URL_M": master.url})
    assert done.returncode == 0 and version in done.stdout
    assert re.search(r"^role +master$", done.stdout, re.M)
    assert re.search(r"^mystery +\(there is none\)$", done.stdout, re.M)
    assert master.do("SET", "mystery", "42 ✓") == "OK"
    try:
        assert re.search(r"^mystery +42 ✓$", sunder("hello", master.at).stdout, re.M)
        d = json.loads(sunder("hello", "-o", "json", master.at).stdout)
    finally:
        master.do("DEL", "mystery")
    assert (d["version"], d["mode"], d["role"]) == (version, "standalone", "master")
    assert d["mystery"] == "42 ✓"
    d = json.loads(sunder("hello", "-o", "json", r2.at).stdout)
    assert d["role"] == "replica" and d["mystery"] is None


def test_hello_falls_back_where_hello_is_not_known(tmp_path):
    with servers(tmp_path, ("--rename-command", "HELLO", "")) as (old,):
        old.do("SET", "mystery", b"\x00\xff\n")
        d = json.loads(sunder("hello", "-o", "json", old.at).stdout)
        assert d["version"] == old.info("server")["redis_version"]
        assert (d["mode"], d["role"]) == ("standalone", "master")
        assert d["mystery"] == "\\x00\\xff\\x0a"
        old.do("DEL", "mystery")
        old.do("LPUSH", "mystery", "x")
        done = sunder("hello", old.at)
        assert done.returncode == 0 and "WRONGTYPE" in done.stdout


def test_hello_to_nobody_says_so():
    nobody = f"127.0.0.1:{free_port()}"
    begun = time.monotonic()
    done = sunder("hello", nobody)
    assert done.returncode == 3 and done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and nobody in lines[0] and "refused" in lines[0]
    assert lines[1].startswith("hint: ") and time.monotonic() - begun < 4
    for wrong in (["http://x"], ["a:1", "b:1"], ["-o", "x", "a:1"],
                  ["--timeout", "0", "a:1"]):
        assert sunder("hello", *wrong).returncode == 2
    done = sunder("hello", env={"URL_M": ""})
    assert done.returncode == 2 and "URL_M" in done.stderr


def test_what_is_no_redis_is_said_so():
    with Scripted(lambda s: s.recv(99) and s.sendall(b"HTTP/1.1 400 Bad\r\n\r\n")) as web:
        done = sunder("hello", web.at)
    assert done.returncode == 3
    assert "rotocol error" in done.stderr and "hint:" in done.stderr


def answering(answers):
    """Says to each command what it is told to: {"PING": b"+PONG\\r\\n"}."""
    def serve(s):
        for line in s.makefile("rb"):
            if (word := line.strip().decode()) in answers:
                s.sendall(answers[word])
    return Scripted(serve)


def test_a_hello_that_no_redis_says_is_told_as_that():
    with answering({"PING": b"+PONG\r\n", "HELLO": b":1\r\n"}) as odd:
        done = sunder("hello", odd.at)
    assert (done.returncode, done.stdout) == (3, "")
    assert "answers what no Redis does" in done.stderr


def test_what_a_server_calls_itself_cannot_move_a_cursor_or_break_json():
    says = {"PING": b"+PONG\r\n", "GET": b"-ERR \x1b[31m\xff\r\n",
            "HELLO": b"*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n"
                     b"$7\r\nversion\r\n$6\r\n\x1b[2J\xff1\r\n"}
    with answering(says) as odd:
        text, found = sunder("hello", odd.at), sunder("hello", odd.at, "-o", "json")
    assert text.returncode == found.returncode == 0
    assert "\x1b" not in text.stdout and "redis ?[2J?1 at" in text.stdout
    assert json.loads(found.stdout)["mystery_error"] == "ERR ?[31m?"
