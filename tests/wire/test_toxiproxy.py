"""Toxiproxy's API, row by row as its clients know it: statuses, texts, headers, life."""

import json
import re
import socket
import subprocess
import threading
import time
from urllib.parse import quote

import pytest
from conftest import DEADLINE, SUNDER, Peer, wait_until
from test_api import Api

JSON, TEXT = "application/json", "text/plain; charset=utf-8"


class Toxi(Api):
    """What a client library does."""

    def call(self, method, path, body=None, **headers):
        """(status, JSON or text or None); an unexpected body is a failure."""
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
        status, text, got = self.raw(method, path, body, **headers)
        self.headers = got
        return status, json.loads(text) if text[:1] in ("{", "[") else text or None

    def create(self, name="redis", upstream="127.0.0.1:1", **more):
        status, proxy = self.call("POST", "/proxies",
                                  {"name": name, "upstream": upstream, **more})
        assert status == 201, proxy
        return proxy

    def toxic(self, kind, proxy="redis", **more):
        attributes = {k: more.pop(k) for k in list(more) if k not in ("name", "stream",
                                                                      "toxicity")}
        status, toxic = self.call("POST", f"/proxies/{proxy}/toxics",
                                  {"type": kind, "attributes": attributes, **more})
        assert status == 200, toxic
        return toxic

    def dial(self, proxy="redis"):
        host, port = self.call("GET", f"/proxies/{proxy}")[1]["listen"].rsplit(":", 1)
        host = "127.0.0.1" if host == "[::]" else host
        return Peer(socket.create_connection((host, int(port)), timeout=DEADLINE))


@pytest.fixture
def toxi(sunder):
    return Toxi(sunder(None, [], "-host", "127.0.0.1", "-port=0"))


@pytest.fixture
def linked(toxi, upstream):
    """A proxy "redis", a dialer of it, and the server's end."""
    server = upstream()
    toxi.create(upstream=server.address, listen="127.0.0.1:0")

    def start():
        dialer = toxi.dial()
        return dialer, server.accept()
    return toxi, start


# What every answer has.

def test_the_version_is_one_that_clients_know(toxi):
    status, text, headers = toxi.raw("GET", "/version")
    assert (status, text) == (200, '{"version": "2.12.0"}\n')
    assert headers["Content-Type"] == "application/json;charset=utf-8"
    assert re.fullmatch("[0-9a-v]{20}", headers["X-Toxiproxy-Request-Id"])
    assert headers["Sunder-Version"]


def test_answers_are_json_without_a_newline_and_errors_are_called_text(toxi):
    _, text, headers = toxi.raw("GET", "/proxies")
    assert (text, headers["Content-Type"]) == ("{}", JSON)
    status, text, headers = toxi.raw("GET", "/proxies/x")
    assert (status, text) == (404, '{"error":"proxy not found","status":404}\n')
    assert headers["Content-Type"] == TEXT
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Toxiproxy-Request-Id"]


def test_paths_that_are_none(toxi):
    for method, path, status in (("GET", "/proxies/", 404), ("GET", "/nothing", 404),
                                 ("PUT", "/proxies", 405), ("HEAD", "/version", 405),
                                 ("DELETE", "/proxies", 405), ("GET", "/reset", 405)):
        got, text, headers = toxi.raw(method, path)
        assert got == status and "Allow" not in headers
        assert "X-Toxiproxy-Request-Id" not in headers
        assert text == ("404 page not found\n" if status == 404 else "")
    status, _, headers = toxi.raw("GET", "//proxies")
    assert (status, headers["Location"]) == (301, "/proxies")


def test_a_browser_is_sent_away(toxi):
    agent = {"User-Agent": "Mozilla/5.0 (X11)"}
    for path in ("/proxies", "/version", "/rules", "/status"):
        assert toxi.raw("GET", path, **agent)[:2] == (403, "User agent not allowed\n")
    assert toxi.raw("GET", "/nothing", **agent)[0] == 404


def test_strings_are_escaped_as_go_does_it(toxi):
    toxi.create("a<b>&c")
    assert '"name":"a\\u003cb\\u003e\\u0026c"' in toxi.raw("GET", "/proxies")[1]


# Proxies.

def test_a_proxy_as_it_is_created_shown_and_deleted(toxi):
    proxy = toxi.create(listen="localhost:0")
    port = int(proxy["listen"].removeprefix("127.0.0.1:"))
    assert port and proxy == {"name": "redis", "listen": f"127.0.0.1:{port}",
                              "upstream": "127.0.0.1:1", "enabled": True, "toxics": []}
    assert list(proxy) == ["name", "listen", "upstream", "enabled", "toxics"]
    assert toxi.call("GET", "/proxies/redis") == (200, proxy)
    assert toxi.call("GET", "/proxies") == (200, {"redis": proxy})
    assert toxi.call("DELETE", "/proxies/redis") == (204, None)
    assert toxi.call("GET", "/proxies") == (200, {})
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_without_an_address_it_listens_everywhere(toxi):
    for listen in ({}, {"listen": None}, {"listen": ""}, {"listen": ":0"}):
        assert toxi.create(**listen)["listen"].startswith("[::]:")
        assert toxi.call("DELETE", "/proxies/redis")[0] == 204


def test_a_disabled_one_shows_what_was_written(toxi):
    assert toxi.create(listen="localhost:0", enabled=False) == {
        "name": "redis", "listen": "localhost:0", "upstream": "127.0.0.1:1",
        "enabled": False, "toxics": []}


@pytest.mark.parametrize("body, status, text", [
    ("", 400, "bad request body: EOF"),
    ("nonsense", 400, "bad request body: "),
    ("[]", 400, "bad request body: "),
    ('{"name": 7}', 400, "bad request body: "),
    ("{}", 400, "missing required field: name"),
    ('{"name": ""}', 400, "missing required field: name"),
    ('{"name": "x"}', 400, "missing required field: upstream"),
    ('{"name": "x", "upstream": null}', 400, "missing required field: upstream"),
    ('{"name": "old", "upstream": "127.0.0.1:1"}', 409, "proxy already exists"),
    ('{"name": "x", "upstream": "127.0.0.1:1", "enabled": "yes"}', 400, "bad request"),
    ('{"name": "x", "upstream": "127.0.0.1:1", "listen": "local373"}', 500,
     "listen tcp: address local373: missing port in address"),
    ('{"name": "x", "upstream": "127.0.0.1:1", "listen": "127.0.0.1:99999"}', 500,
     "listen tcp: address 99999: invalid port"),
    ('{"name": "x", "upstream": "127.0.0.1:1", "listen": "no.such.host:1"}', 500,
     "listen tcp: lookup no.such.host: no such host"),
    ('{"name": "x", "upstream": "garbage"}', 400,
     "address garbage: missing port in address"),
])
def test_a_proxy_that_cannot_be_is_told_why(toxi, body, status, text):
    toxi.create("old")
    got, answer = toxi.call("POST", "/proxies", body)
    assert (got, answer["status"], list(answer)) == (status, status, ["error", "status"])
    assert answer["error"].startswith(text)
    assert list(toxi.call("GET", "/proxies")[1]) == ["old"]


def test_an_address_that_is_taken_is_told_as_go_tells_it(toxi, upstream):
    taken = upstream().address
    status, answer = toxi.call("POST", "/proxies", {"name": "x", "listen": taken,
                                                    "upstream": "127.0.0.1:1"})
    assert (status, answer["error"]) == (
        500, f"listen tcp {taken}: bind: address already in use")
    assert toxi.call("GET", "/proxies")[1] == {}


def test_keys_in_any_letter_case_null_and_what_follows_are_fine(toxi):
    body = '{"NAME": "a", "Upstream": "127.0.0.1:1", "listen": null, "enabled": null, ' \
           '"strange": 1} trailing'
    status, proxy = toxi.call("POST", "/proxies", body)
    assert (status, proxy["name"], proxy["enabled"]) == (201, "a", True)


def test_a_name_that_rules_cannot_say_is_a_name_here(toxi):
    for name in ("master", "my proxy", "a->b", "*", "client", "ünicode"):
        toxi.create(name)
        toxi.toxic("latency", proxy=quote(name, safe=""), latency=1)
    assert len(toxi.call("GET", "/proxies")[1]) == 6
    sentences = toxi.ask("GET", "/plan")[1]
    assert len(sentences) == 6
    assert all(re.match(r"[\w-]+: on \* -> [\w-]+ replies do latency 1ms$", s)
               for s in sentences)
    assert len({s.split(" ")[4] for s in sentences}) == 6


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_an_update_moves_stops_and_starts_it_and_toxics_survive(toxi, upstream, method):
    one, two = upstream(), upstream()
    toxi.create(upstream=one.address, listen="127.0.0.1:0")
    toxic = toxi.toxic("latency", latency=1)
    dialer = toxi.dial()
    one.accept()
    status, proxy = toxi.call(method, "/proxies/redis", {"upstream": two.address})
    assert (status, proxy["upstream"], proxy["enabled"]) == (200, two.address, True)
    assert proxy["toxics"] == [toxic]
    dialer.expect_end()
    dialer = toxi.dial()
    two.accept()
    status, proxy = toxi.call(method, "/proxies/redis", {"enabled": False, "name": "no"})
    assert (status, proxy["enabled"], proxy["name"]) == (200, False, "redis")
    assert proxy["toxics"] == [toxic]
    dialer.expect_end()
    with pytest.raises(ConnectionRefusedError):
        toxi.dial()
    status, again = toxi.call(method, "/proxies/redis", {"enabled": True})
    assert (status, again["listen"]) == (200, proxy["listen"])
    toxi.dial()
    two.accept()


def test_an_update_that_changes_nothing_leaves_connections_alone(linked):
    toxi, start = linked
    dialer, server = start()
    listen = toxi.call("GET", "/proxies/redis")[1]["listen"]
    for body in ({}, {"enabled": True}, {"listen": listen}):
        assert toxi.call("PATCH", "/proxies/redis", body)[0] == 200
    dialer.send(b"x")
    server.expect(b"x")


def test_an_update_that_fails_leaves_it_disabled_where_it_was_sent(toxi, upstream):
    taken = upstream().address
    toxi.create(listen="127.0.0.1:0")
    status, answer = toxi.call("POST", "/proxies/redis", {"listen": taken})
    assert status == 500 and "address already in use" in answer["error"]
    proxy = toxi.call("GET", "/proxies/redis")[1]
    assert (proxy["listen"], proxy["enabled"]) == (taken, False)
    assert toxi.call("POST", "/proxies/none", {})[0] == 404
    assert toxi.call("DELETE", "/proxies/none") == (
        404, {"error": "proxy not found", "status": 404})


def test_an_upstream_that_is_not_there_is_accept_and_end(toxi):
    toxi.create(upstream="127.0.0.1:1", listen="127.0.0.1:0")
    toxi.dial().expect_end()


def test_half_close_survives(linked):
    _, start = linked
    dialer, server = start()
    dialer.send(b"all of it")
    dialer.half_close()
    assert server.rest() == b"all of it"
    server.send(b"and the answer")
    dialer.expect(b"and the answer")


# All at once.

def test_populate_leaves_what_is_the_same_and_replaces_what_is_not(toxi):
    items = [{"name": "a", "upstream": "127.0.0.1:1", "listen": "127.0.0.1:0"},
             {"name": "b", "upstream": "127.0.0.1:1", "listen": "127.0.0.1:0"}]
    status, answer = toxi.call("POST", "/populate", items)
    assert (status, [p["name"] for p in answer["proxies"]]) == (201, ["a", "b"])
    for item, made in zip(items, answer["proxies"]):
        item["listen"] = made["listen"]
    for name in "ab":
        toxi.toxic("latency", proxy=name, latency=1)
    items[0]["enabled"], items[1]["upstream"] = False, "127.0.0.1:2"
    status, answer = toxi.call("POST", "/populate", items)
    a, b = answer["proxies"]
    assert (status, a["enabled"], len(a["toxics"])) == (201, True, 1)
    assert (b["upstream"], b["toxics"]) == ("127.0.0.1:2", [])
    assert toxi.call("POST", "/populate", []) == (201, {"proxies": None})
    assert list(toxi.call("GET", "/proxies")[1]) == ["a", "b"]


def test_populate_looks_at_all_before_it_makes_one(toxi):
    for item, field in (({"upstream": "127.0.0.1:1"}, "name"),
                        ({"name": "b"}, "upstream")):
        status, answer = toxi.call("POST", "/populate",
                                   [{"name": "a", "upstream": "127.0.0.1:1"}, item])
        assert (status, answer["error"]) == (
            400, f"missing required field: {field} at proxy 2")
        assert toxi.headers["Content-Type"] == JSON
    assert toxi.call("GET", "/proxies")[1] == {}
    assert toxi.call("POST", "/populate", "{}")[0] == 400


def test_populate_stops_at_the_first_that_fails(toxi, upstream):
    taken = upstream().address
    status, answer = toxi.call("POST", "/populate", [
        {"name": "a", "upstream": "127.0.0.1:1"},
        {"name": "b", "upstream": "127.0.0.1:1", "listen": taken},
        {"name": "c", "upstream": "127.0.0.1:1"}])
    assert (status, answer["status"]) == (500, 500)
    assert [p["name"] for p in answer["proxies"]] == ["a"]
    assert list(toxi.call("GET", "/proxies")[1]) == ["a"]


def test_reset_enables_all_and_removes_all_toxics(linked):
    toxi, start = linked
    toxi.create("b", enabled=False, listen="127.0.0.1:0")
    toxi.toxic("latency", latency=1)
    dialer, server = start()
    assert toxi.call("POST", "/reset") == (204, None)
    proxies = toxi.call("GET", "/proxies")[1]
    assert [(p["enabled"], p["toxics"]) for p in proxies.values()] == [(True, [])] * 2
    dialer.send(b"still here")
    server.expect(b"still here")


# Toxics.

TOXICS = {"noop": [], "latency": ["latency", "jitter"], "bandwidth": ["rate"],
          "slow_close": ["delay"], "timeout": ["timeout"], "reset_peer": ["timeout"],
          "slicer": ["average_size", "size_variation", "delay"], "limit_data": ["bytes"],
          "packet_loss": ["loss_rate", "correlation"]}


@pytest.mark.parametrize("kind", TOXICS)
def test_a_toxic_has_all_its_attributes_and_its_defaults(toxi, kind):
    toxi.create()
    toxic = toxi.toxic(kind)
    assert toxic == {"attributes": dict.fromkeys(TOXICS[kind], 0), "type": kind,
                     "name": f"{kind}_downstream", "stream": "downstream", "toxicity": 1}
    assert list(toxic) == ["attributes", "name", "type", "stream", "toxicity"]
    path = f"/proxies/redis/toxics/{kind}_downstream"
    assert toxi.call("GET", path) == (200, toxic)
    assert toxi.call("GET", "/proxies/redis/toxics") == (200, [toxic])
    assert toxi.call("DELETE", path) == (204, None)
    assert toxi.call("GET", path) == (404, {"error": "toxic not found", "status": 404})
    assert toxi.ask("GET", "/plan") == (200, [])


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_an_update_merges_attributes(toxi, method):
    toxi.create()
    toxi.toxic("latency", latency=100, jitter=5, name="t", stream="upstream")
    path = "/proxies/redis/toxics/t"
    status, toxic = toxi.call(method, path, {"attributes": {"latency": 7}, "name": "no",
                                             "stream": "downstream", "type": "noop",
                                             "toxicity": 0.2})
    assert (status, toxic) == (200, {"attributes": {"latency": 7, "jitter": 5},
                                     "name": "t", "type": "latency",
                                     "stream": "upstream", "toxicity": 0.2})
    assert '"toxicity":0.2}' in toxi.raw("GET", path)[1]
    assert toxi.ask("GET", "/plan")[1] == [
        "redis-t: on * -> redis requests sessions=20% do latency 7ms jitter=5ms"]
    assert toxi.call(method, path, {"toxicity": 1})[1]["toxicity"] == 1
    assert toxi.call(method, "/proxies/redis/toxics/none", {})[0] == 404
    assert toxi.call(method, path, "nonsense")[0] == 400


@pytest.mark.parametrize("body, status, text", [
    ("", 400, "bad request body: EOF"),
    ('{"stream": "sideways", "type": "no"}', 400,
     "stream was invalid, can be either upstream or downstream"),
    ('{"type": "no"}', 400, "invalid toxic type"),
    ("{}", 400, "invalid toxic type"),
    ('{"type": "latency", "name": "old"}', 409, "toxic already exists"),
    ('{"type": "latency", "stream": "upstream", "name": "old"}', 409,
     "toxic already exists"),
    ('{"type": "latency", "attributes": {"latency": 5.0}}', 400, "bad request body: "),
    ('{"type": "latency", "attributes": {"latency": "5"}}', 400, "bad request body: "),
    ('{"type": "latency", "attributes": []}', 400, "bad request body: "),
    # Toxiproxy takes these, and some of them kill it.
    ('{"type": "latency", "attributes": {"jitter": -1}}', 400, "jitter must be from 0"),
    ('{"type": "latency", "toxicity": 7}', 400, "toxicity must be from 0 to 1"),
    ('{"type": "latency", "toxicity": -0.1}', 400, "toxicity must be from 0 to 1"),
    ('{"type": "bandwidth", "attributes": {"rate": -1}}', 400, "rate must be from 0"),
    ('{"type": "slicer", "attributes": {"average_size": 8, "size_variation": 8}}', 400,
     "size_variation must be less than average_size"),
    ('{"type": "packet_loss", "attributes": {"loss_rate": 1.5}}', 400, "loss_rate must"),
    ('{"type": "latency", "attributes": {"latency": 99999999999999999999}}', 400, "bad"),
])
def test_a_toxic_that_cannot_be_is_told_why(toxi, body, status, text):
    toxi.create()
    toxi.toxic("noop", name="old")
    got, answer = toxi.call("POST", "/proxies/redis/toxics", body)
    assert (got, answer["status"]) == (status, status)
    assert answer["error"].startswith(text)
    assert len(toxi.call("GET", "/proxies/redis/toxics")[1]) == 1
    assert toxi.call("POST", "/proxies/none/toxics", "{}") == (
        404, {"error": "proxy not found", "status": 404})


def test_toxics_are_listed_upstream_first(toxi):
    toxi.create()
    for name, stream in (("a", "downstream"), ("b", "UPSTREAM"), ("c", "downstream"),
                         ("d", "upstream")):
        toxi.toxic("noop", name=name, stream=stream)
    toxics = toxi.call("GET", "/proxies/redis")[1]["toxics"]
    assert [t["name"] for t in toxics] == ["b", "d", "a", "c"]
    assert toxics[0]["stream"] == "UPSTREAM"
    assert toxi.toxic("noop", stream="UPSTREAM")["name"] == "noop_UPSTREAM"


def test_a_rule_that_is_taken_out_is_a_toxic_less(toxi):
    toxi.create()
    toxi.toxic("latency", latency=5)
    assert toxi.ask("DELETE", "/rules/redis-latency_downstream") == (200, 1)
    assert toxi.call("GET", "/proxies/redis/toxics") == (200, [])


def test_nodes_of_the_configuration_are_proxies_too(sunder, upstream):
    server = upstream()
    toxi = Toxi(sunder(server, [], "--api", "127.0.0.1:0"))
    proxy = toxi.call("GET", "/proxies/r1")[1]
    assert (proxy["upstream"], proxy["enabled"]) == (server.address, True)
    toxi.toxic("latency", proxy="r1", latency=1)
    assert toxi.call("DELETE", "/proxies/r1") == (204, None)
    assert toxi.ask("GET", "/nodes")[1] == []
    assert toxi.ask("GET", "/plan")[1] == []


# What toxics do.

def echo_once(dialer, server, data=b"ping"):
    server.send(data)
    dialer.expect(data)


def test_latency_waits_and_updates_count(linked):
    toxi, start = linked
    dialer, server = start()
    toxi.toxic("latency", latency=300)
    server.send(b"late")
    assert dialer.silent(0.25)
    dialer.expect(b"late")
    server.send(b"at once")
    assert toxi.call("PATCH", "/proxies/redis/toxics/latency_downstream",
                     {"attributes": {"latency": 0}})[0] == 200
    assert not dialer.silent(0.2)


def test_bandwidth_of_zero_stalls_and_does_not_close(linked):
    toxi, start = linked
    dialer, server = start()
    toxi.toxic("bandwidth", rate=0)
    server.send(b"held")
    assert dialer.silent(0.2)
    assert toxi.call("DELETE", "/proxies/redis/toxics/bandwidth_downstream")[0] == 204
    dialer.expect(b"held")


def test_bandwidth_counts_in_thousands_of_bytes(linked):
    toxi, start = linked
    dialer, server = start()
    toxi.toxic("bandwidth", rate=1000)
    begun = time.monotonic()
    server.send(bytes(500_000))
    dialer.recv(500_000)
    assert 0.49 < time.monotonic() - begun < 2


def test_a_close_is_slow_and_data_is_not(linked):
    toxi, start = linked
    dialer, server = start()
    toxi.toxic("slow_close", delay=300)
    server.send(b"data")
    dialer.expect(b"data")
    server.close()
    assert dialer.silent(0.25)
    dialer.expect_end()


def test_a_timeout_drops_and_closes_after_a_silence(linked):
    toxi, start = linked
    dialer, server = start()
    toxi.toxic("timeout", timeout=400)
    server.send(b"lost")
    assert dialer.silent(0.2)
    server.send(b"and that puts it off")
    assert dialer.silent(0.3)
    dialer.expect_end()


def test_removing_a_timeout_closes_every_connection(linked):
    toxi, start = linked
    toxi.toxic("timeout", timeout=0, toxicity=0)
    dialer, server = start()
    echo_once(dialer, server)
    assert toxi.call("DELETE", "/proxies/redis/toxics/timeout_downstream")[0] == 204
    dialer.expect_end()


def test_reset_peer_waits_for_data_then_resets_live_connections_too(linked):
    toxi, start = linked
    dialer, server = start()
    toxi.toxic("reset_peer", timeout=200)
    assert dialer.silent(0.3)
    server.send(b"data")
    assert dialer.silent(0.15)
    dialer.expect_reset()


def test_a_slicer_slices_and_keeps_the_bytes(linked):
    toxi, start = linked
    dialer, server = start()
    toxi.toxic("slicer", average_size=64, size_variation=32, delay=100)
    data = bytes(range(256)) * 16
    server.send(data)
    sizes, got = [], b""
    while len(got) < len(data):
        part = dialer.sock.recv(1 << 16)
        sizes.append(len(part))
        got += part
    assert got == data and len(sizes) > 10


def test_a_limit_is_exact_and_counts_from_when_it_was_added(linked):
    toxi, start = linked
    dialer, server = start()
    echo_once(dialer, server, bytes(1000))
    toxi.toxic("limit_data", bytes=100)
    server.send(bytes(60))
    dialer.expect(bytes(60))
    server.send(bytes(60))
    assert dialer.rest() == bytes(40)


def test_packet_loss_drops_for_good(linked):
    toxi, start = linked
    dialer, server = start()
    toxi.toxic("packet_loss", loss_rate=1)
    server.send(b"lost")
    assert dialer.silent(0.2)


def test_a_toxicity_is_drawn_once_for_a_connection(linked):
    toxi, start = linked
    toxi.toxic("timeout", timeout=0, toxicity=0.5)
    pairs = [start() for _ in range(20)]

    def deaf():
        for _, server in pairs:
            server.send(b"x")
        return [dialer.silent(0.02) or not dialer.recv(1) for dialer, _ in pairs]
    first = deaf()
    assert 3 <= sum(first) <= 17
    toxi.toxic("noop", name="a neighbour")
    assert deaf() == first


# The process.

def test_a_file_of_toxiproxys_has_its_toxics_too(sunder, upstream, tmp_path):
    server, path = upstream(), tmp_path / "toxiproxy.json"
    path.write_text(json.dumps([
        {"name": "a", "listen": "127.0.0.1:0", "upstream": server.address, "toxics": [
            {"type": "limit_data", "attributes": {"bytes": 3}}]}]))
    toxi = Toxi(sunder(None, [], "-config", path, "-seed=42", "-proxy-metrics=true",
                       "-runtime-metrics", "--api", "127.0.0.1:0"))
    dialer = toxi.dial("a")
    server.accept().send(b"abcdef")
    assert dialer.rest() == b"abc"


def test_counters_are_live(linked):
    toxi, start = linked
    dialer, server = start()
    dialer.send(b"12345")
    server.expect(b"12345")
    listen = toxi.call("GET", "/proxies/redis")[1]["listen"]
    line = r'toxiproxy_proxy_%s_bytes_total{direction="upstream",listener="' + listen + \
        r'",proxy="redis",upstream="127.0.0.1:\d+"} 5'
    for what in ("received", "sent"):
        wait_until(lambda: re.search(line % what, toxi.raw("GET", "/metrics")[1]), what)


def test_a_port_that_is_taken_is_the_end(upstream):
    done = subprocess.run([SUNDER, "proxy", "-port", str(upstream().port)], check=False,
                          capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 3
    assert "cannot open the API" in done.stderr and "in use" in done.stderr


def test_nothing_waits_for_data_to_move(linked):
    """A server floods a client that does not read: Toxiproxy's API hangs there."""
    toxi, start = linked
    dialer, server = start()
    flood = threading.Thread(target=server.fill, daemon=True)
    flood.start()
    flood.join(DEADLINE)
    toxi.toxic("latency", latency=1000)
    toxi.toxic("bandwidth", rate=1)
    assert toxi.call("GET", "/proxies")[0] == 200
    assert toxi.call("POST", "/reset")[0] == 204
    assert toxi.call("DELETE", "/proxies/redis")[0] == 204
    dialer.close()
