"""GET /events: what happens, as it happens, to readers fast, slow and gone."""

import json
import socket
import time

import pytest

from conftest import DEADLINE, PING, SANITIZED, wait_until
from test_api import Api


class Stream:
    """A reader of server-sent events."""

    def __init__(self, api, query="", rcvbuf=None):
        self.sock = socket.socket()
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(DEADLINE)
        self.sock.connect((api.host, int(api.port)))
        self.sock.sendall(f"GET /events{query} HTTP/1.0\r\n\r\n".encode())
        self.file = self.sock.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while line := self.file.readline().strip().decode():
            name, value = line.split(":", 1)
            self.headers[name.lower()] = value.strip()
        if self.status == 200:
            assert self.next() is None  # the first thing is a comment

    def next(self):
        """(kind, data), or None for a comment; the end of the stream is an EOFError."""
        fields = {}
        while line := self.file.readline():
            line = line.rstrip(b"\n").decode()
            if not line:
                return (fields["event"], json.loads(fields["data"])) if fields else None
            name, value = line.split(":", 1)
            if name:
                fields[name] = value.strip()
        raise EOFError

    def next_of(self, kind):
        while True:
            event = self.next()
            if event and event[0] == kind:
                return event[1]

    def close(self):
        self.file.close()
        self.sock.close()


@pytest.fixture
def streams(sunder, upstream):
    opened = []

    def start(*rules, flags=()):
        server = upstream()
        proxy = sunder(server, list(rules), "--api", "127.0.0.1:0", *flags)
        api = Api(proxy)

        def listen(query="", **kwargs):
            opened.append(Stream(api, query, **kwargs))
            return opened[-1]
        return server, proxy, api, listen
    yield start
    for stream in opened:
        stream.close()


def test_what_happens_is_told_as_it_happens(streams):
    server, proxy, api, listen = streams()
    stream = listen()
    assert stream.headers["content-type"] == "text/event-stream"
    api.ask("POST", "/rules", "slow: on client -> r1 requests do latency 1us")
    assert stream.next()[1]["rule"] == "slow"
    dialer = proxy.dial()
    peer = server.accept()
    dialer.send(PING)
    peer.expect(PING)
    kind, event = stream.next()
    assert (kind, event["from"], event["to"]) == ("session-opened", "client", "r1")
    fired = stream.next_of("rule-fired")
    assert (fired["rule"], fired["lane"], fired["session"]) == ("slow", "requests", 1)
    peer.reset()
    assert stream.next_of("session-closed")["session"] == 1


def test_a_reader_may_want_some_kinds_only(streams):
    server, proxy, api, listen = streams()
    stream = listen("?kinds=rule-removed,session-closed")
    proxy.dial()
    server.accept().reset()
    assert stream.next()[0] == "session-closed"
    api.ask("POST", "/rules", "slow: on client -> r1 do latency 1us")
    api.ask("DELETE", "/rules/slow")
    assert stream.next()[0] == "rule-removed"
    assert listen("?kinds=nothing").status == 400


def test_a_reader_that_does_not_read_is_told_how_much_it_missed(streams):
    server, proxy, api, listen = streams("hit: on client -> r1 requests do latency 1us")
    deaf, keen = listen("?kinds=rule-fired", rcvbuf=4096), listen("?kinds=rule-fired")
    dialer = proxy.dial()
    peer = server.accept()
    seen, many = 0, 500
    for _ in range(60):
        dialer.send(PING * many)
        peer.expect(PING * many)
        for _ in range(many):
            keen.next_of("rule-fired")
        seen += many
        start = time.monotonic()
        assert api.ask("GET", "/plan")[0] == 200
        assert time.monotonic() - start < 5
    assert SANITIZED or proxy.rss() < 64 << 20
    told = dropped = 0
    while told + dropped < seen:
        event = deaf.next()
        told += bool(event) and event[0] == "rule-fired"
        dropped += event[1]["dropped"] if event and event[0] == "dropped" else 0
    assert told + dropped == seen and dropped > 0


def test_streams_are_bounded_and_those_of_the_gone_are_given_back(streams):
    _, _, api, listen = streams()
    many = [listen() for _ in range(32)]
    assert listen().status == 429
    assert api.ask("GET", "/plan") == (200, [])
    for stream in many:
        stream.close()

    def again():
        api.ask("POST", "/rules", "on client -> r1 do latency 1us")  # something to send
        api.ask("DELETE", "/rules")
        return listen().status == 200
    wait_until(again, "the places of those who left are free")


def test_the_proxy_ends_though_somebody_listens(streams):
    _, proxy, _, listen = streams()
    stream = listen()
    proxy.terminate()
    assert proxy.wait() == 0
    with pytest.raises((EOFError, ConnectionResetError)):
        stream.next()
