"""The HTTP API: the same verbs as the console, JSON in and out."""

import http.client
import json
import socket
import subprocess

import pytest

from conftest import SANITIZED, SUNDER, wait_until


class Api:
    def __init__(self, proxy, token=None):
        self.host, self.port = proxy.event("api")["address"].rsplit(":", 1)
        self.token = token

    def raw(self, method, path, body=None, **headers):
        c = http.client.HTTPConnection(self.host, int(self.port), timeout=10)
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        c.request(method, path, body, headers)
        answer = c.getresponse()
        text = answer.read().decode()
        c.close()
        return answer.status, text, dict(answer.getheaders())

    def ask(self, method, path, body=None):
        if isinstance(body, dict):
            body = json.dumps(body)
        status, text, _ = self.raw(method, path, body)
        return status, json.loads(text) if text else None


@pytest.fixture
def apis(sunder):
    def start(server, *rules):
        proxy = sunder(server, list(rules), "--api", "127.0.0.1:0")
        return proxy, Api(proxy)
    return start


def test_a_rule_comes_as_an_object_or_as_a_sentence(apis, upstream):
    proxy, api = apis(upstream())
    sentence = "slow: on client -> r1 when command=GET do error LOADING"
    status, rule = api.ask("POST", "/rules", {"rule": sentence})
    assert (status, rule["rule"], rule["fired"]) == (201, sentence, 0)
    dialer = proxy.dial()
    dialer.send(b"GET k\r\n")
    assert dialer.recv(8) == b"-LOADING"
    assert [r["fired"] for r in api.ask("GET", "/rules")[1]] == [1]
    assert api.ask("GET", "/plan") == (200, [sentence])
    assert api.ask("DELETE", "/rules/slow") == (200, 1)
    status, rule = api.ask("POST", "/rules", " on client -> r1 do latency 1ms \n")
    assert (status, rule["name"]) == (201, "rule-1")
    assert api.ask("DELETE", "/rules") == (200, 1)
    assert api.ask("GET", "/plan") == (200, [])


def test_partitions_are_made_and_healed(apis, upstream):
    server = upstream()
    proxy, api = apis(server)
    dialer = proxy.dial()
    peer = server.accept()
    status, cut = api.ask("POST", "/cut", {"a": "client", "b": "r1", "how": "hang"})
    assert (status, cut) == (200, {"name": "cut-1"})
    dialer.send(b"PING\r\n")
    assert peer.silent(0.2)
    assert api.ask("POST", "/heal", {"name": "cut-1"}) == (204, None)
    assert peer.recv(6) == b"PING\r\n"
    assert api.ask("POST", "/isolate?who=r1&how=reset")[0] == 200
    with pytest.raises(ConnectionResetError):
        dialer.recv(1)


def test_what_is_there_is_listed(apis, upstream):
    server = upstream()
    proxy, api = apis(server)
    dialer = proxy.dial()
    peer = server.accept()
    dialer.send(b"PING\r\n")
    assert peer.recv(6) == b"PING\r\n"
    nodes = api.ask("GET", "/nodes")[1]
    assert [(n["name"], n["role"], n["sessions"]) for n in nodes] == [("r1", "master", 1)]
    links = api.ask("GET", "/links")[1]
    assert [(l["from"], l["to"], l["sessions"]) for l in links] == [("client", "r1", 1)]
    session = api.ask("GET", "/sessions")[1]["sessions"][0]
    assert session["requests"]["bytes"] == 6 and session["dialer"]["rtt_us"] > 0
    info = api.ask("GET", "/info")[1]
    assert (info["sessions"], info["bytes_requests"]) == (1, 6)
    assert set(api.ask("GET", "/status")[1]) == {"nodes", "links", "rules", "info"}
    assert api.ask("DELETE", f"/sessions/{session['id']}") == (204, None)
    with pytest.raises(ConnectionResetError):
        dialer.recv(1)


def test_metrics_are_live(apis, upstream):
    server = upstream()
    proxy, api = apis(server, "slow: on client -> r1 requests do latency 1us")
    dialer = proxy.dial()
    peer = server.accept()
    dialer.send(b"PING\r\n")
    assert peer.recv(6) == b"PING\r\n"
    status, text, headers = api.raw("GET", "/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in ('sunder_sessions 1', 'sunder_bytes_total{lane="requests"} 6',
                 'sunder_link_sessions{from="client",to="r1"} 1',
                 'sunder_rule_fired_total{rule="slow",fault="latency"} 1'):
        assert line in text.splitlines()


@pytest.mark.parametrize("method, path, body, status, said", [
    ("PUT", "/rules", None, 405, "no such method"),
    ("POST", "/rules", "", 400, "missing 'rule'"),
    ("POST", "/rules", "{", 400, "no JSON object"),
    ("POST", "/rules", "[1]", 400, "expected 'on'"),
    ("POST", "/rules", '{"rule": 7}', 400, "expected 'on'"),
    ("POST", "/rules", '{"rule": null}', 400, "no sound value"),
    ("POST", "/rules", '{"rule": "on a -> b do hang", "x": "y"}', 400, "unknown 'x'"),
    ("POST", "/rules", "on client -> r1 do latancy 5ms", 400, "unknown fault"),
    ("POST", "/rules", b"on client -> r1 do \xff", 400, "UTF-8"),
    ("DELETE", "/rules/nobody", None, 404, "no rule is named"),
    ("DELETE", "/sessions/999", None, 404, "no session"),
    ("DELETE", "/sessions/x", None, 400, "whole number"),
    ("POST", "/cut", '{"a": "client"}', 400, "missing 'b'"),
    ("POST", "/cut", '{"a": "client", "b": "r1", "how": "so"}', 400, "how cannot be"),
    ("POST", "/heal", '{"name": "nobody"}', 404, "nobody"),
    ("POST", "/isolate", '{"who": "' + "r1" * 400 + '"}', 400, "no node or client named"),
    ("POST", "/split", '{"groups": "r1/' + "r1" * 400 + '"}', 400, "no node or client"),
])
def test_what_is_wrong_is_said(apis, upstream, method, path, body, status, said):
    _, api = apis(upstream())
    got, text, headers = api.raw(method, path, body)
    assert (got, headers["Content-Type"]) == (status, "application/json")
    answer = json.loads(text)
    assert said in answer["error"] and answer["status"] == status


def test_an_unknown_path_is_told_as_toxiproxy_tells_it(apis, upstream):
    _, api = apis(upstream())
    assert api.raw("GET", "/nothing")[:2] == (404, "404 page not found\n")


def test_a_page_from_elsewhere_cannot_reach_it(apis, upstream):
    _, api = apis(upstream())
    for host in ("evil.example", "evil.example:8474", "127.0.0.1.evil.example", ""):
        assert api.raw("GET", "/nodes", Host=host)[0] in (400, 403)
    for host in ("localhost:8474", "127.0.0.1", "[::1]:8474"):
        assert api.raw("GET", "/nodes", Host=host)[0] == 200
    assert api.raw("GET", "/healthz", Host="pod-7.example")[0] == 200


def test_beyond_loopback_a_token_is_needed(sunder, upstream, tmp_path):
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    proxy = sunder(upstream(), [], "--api", "0.0.0.0:0", "--api-token-file", str(token))
    port = proxy.event("api")["address"].rsplit(":", 1)[1]
    api = Api(proxy, "s3cret")
    api.host, api.port = "127.0.0.1", port
    assert api.ask("GET", "/nodes")[0] == 200
    for wrong in (None, "s3cre", "s3cret2", "S3cret"):
        api.token = wrong
        assert api.raw("GET", "/nodes")[0] == 401


def test_a_token_file_without_a_token_is_refused_by_who_serves_and_who_asks(tmp_path):
    empty = tmp_path / "token"
    empty.write_text("\n")
    for words in (["proxy", "--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:1"],
                  ["rule", "list"]):
        out = subprocess.run([SUNDER, *words, "--api", "127.0.0.1:0",
                              "--api-token-file", str(empty)],
                             capture_output=True, text=True, timeout=30, check=False)
        assert out.returncode in (2, 3)  # a wrong word; or it cannot start
        assert f"there is no token in '{empty}'" in out.stderr


def test_a_long_body_is_refused_and_a_slow_client_holds_nothing(apis, upstream):
    proxy, api = apis(upstream())
    idle = [socket.create_connection((api.host, int(api.port))) for _ in range(50)]
    for sock in idle:
        sock.sendall(b"POST /rules HTTP/1.1\r\nHost: localhost\r\n"
                     b"Content-Length: 9\r\n\r\non ")
    assert api.raw("POST", "/rules", b"x" * (2 << 20))[0] == 413
    assert api.ask("GET", "/plan") == (200, [])
    for sock in idle:
        sock.close()
    wait_until(lambda: proxy.stats() or True, "it goes on")
    assert SANITIZED or proxy.rss() < 64 << 20
