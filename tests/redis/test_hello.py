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
