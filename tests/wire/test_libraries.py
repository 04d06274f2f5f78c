"""A proxy carries no library that it does not use: what the command line needs, and what
serves the API, is loaded by who asks and by who is asked.

What is first in LD_LIBRARY_PATH hides the library of the machine, an empty file too.
"""

import ctypes
import json
import os
import re
import subprocess

import pytest

from conftest import DEADLINE, PING, PONG, ROOT, SUNDER, pong

ENVIRONMENT = 3
CURL, OTHER_CURL, MHD = "libcurl.so.4", "libcurl-gnutls.so.4", "libmicrohttpd.so.12"


def run(*argv, hidden=None, check=False):
    env = {**os.environ, "LD_LIBRARY_PATH": str(hidden or "")}
    return subprocess.run(argv, env=env, text=True, capture_output=True,
                          timeout=DEADLINE, check=check)


def maps(pid="self"):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
        return set(re.findall(r"/\S*/lib\S*\.so\S*", f.read()))


def path_of(library):
    ctypes.CDLL(library)
    return next(path for path in maps() if os.path.basename(path).startswith(library))


@pytest.fixture
def hidden(tmp_path):
    """A directory with a libcurl that is none."""
    for name in CURL, OTHER_CURL:
        (tmp_path / name).touch()
    return tmp_path


def test_a_proxy_does_not_carry_the_libraries_of_the_command_line(sunder, upstream):
    proxy = sunder(upstream().serve(pong), (), "--api", "127.0.0.1:0", "--console",
                   "127.0.0.1:0")
    api = proxy.event("api")["address"]
    run(SUNDER, "rule", "add", "on * -> * do latency 1ms", "--api", api, check=True)
    dialer = proxy.dial()
    dialer.send(PING)
    dialer.expect(PONG)
    has = maps(proxy.process.pid)
    assert any(MHD in path for path in has)
    assert not [path for path in has if re.search("curl|libssl|krb5|ldap|ssh", path)]


def test_a_proxy_that_serves_no_api_does_not_carry_what_serves_it(sunder, upstream):
    proxy = sunder(upstream(), ())
    has = maps(proxy.process.pid)
    assert any("libuv" in path for path in has)
    assert not [path for path in has if re.search("curl|microhttpd|gnutls|p11", path)]


def test_without_libmicrohttpd_there_is_a_proxy_but_no_api(sunder, upstream, tmp_path,
                                                           monkeypatch):
    (tmp_path / MHD).touch()
    server = upstream().serve(pong)
    done = run(SUNDER, "proxy", "--listen", "127.0.0.1:0", "--upstream", server.address,
               "--api", "127.0.0.1:0", "--console", "off", hidden=tmp_path)
    said, hint = done.stderr.splitlines()[-2:]
    assert done.returncode == ENVIRONMENT and "libmicrohttpd" in said
    assert "package libmicrohttpd12" in hint and "--api off" in hint
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    dialer = sunder(server).dial()
    dialer.send(PING)
    dialer.expect(PONG)


def test_without_libcurl_a_proxy_works_and_who_asks_it_is_told_what_to_install(
        sunder, upstream, hidden, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", str(hidden))
    proxy = sunder(upstream().serve(pong), (), "--api", "127.0.0.1:0")
    dialer, api = proxy.dial(), proxy.event("api")["address"]
    dialer.send(PING)
    dialer.expect(PONG)
    for words in ("status", "rule list", "heal", "topology config"):
        done = run(SUNDER, *words.split(), "--api", api, hidden=hidden)
        said, hint = done.stderr.splitlines()
        assert done.returncode == ENVIRONMENT and "libcurl" in said
        assert hint == "hint: Debian and Ubuntu have it in the package libcurl4"
    done = run(SUNDER, "doctor", "-o", "json", hidden=hidden, check=True)
    told = json.loads(done.stdout)
    checks = {c["name"]: c for c in told["checks"]}
    assert not checks["libcurl"]["can"] and "libcurl4" in checks["libcurl"]["get"]
    assert "libcurl" not in told["versions"]


def test_the_libcurl_of_gnutls_does_as_well(sunder, upstream, hidden):
    (hidden / OTHER_CURL).unlink()
    (hidden / OTHER_CURL).symlink_to(path_of(CURL))
    proxy = sunder(upstream(), (), "--api", "127.0.0.1:0")
    done = run(SUNDER, "rules", "-o", "json", "--api", proxy.event("api")["address"],
               hidden=hidden, check=True)
    assert json.loads(done.stdout) == [] and done.stderr == ""


def test_a_library_that_is_no_libcurl_of_today_is_told_from_one(hidden):
    (hidden / CURL).unlink()
    (hidden / CURL).symlink_to(path_of("libuv.so.1"))
    done = run(SUNDER, "status", hidden=hidden)
    assert done.returncode == ENVIRONMENT and "too old" in done.stderr


def test_an_image_has_what_is_loaded_or_is_not_made(tmp_path, hidden):
    closure, root = os.path.join(ROOT, "k8s", "closure"), tmp_path / "root"
    done = run(closure, SUNDER, str(root), hidden=hidden)
    assert done.returncode != 0 and CURL in done.stderr and not root.exists()
    run(closure, SUNDER, str(root), check=True)
    files = {name for _, _, names in os.walk(root) for name in names}
    assert {"sunder", "libuv.so.1", CURL, MHD} < files
    for library in CURL, MHD:
        needs = run("ldd", path_of(library), check=True).stdout
        assert set(re.findall(r"/([^/ ]+) \(", needs)) <= files
