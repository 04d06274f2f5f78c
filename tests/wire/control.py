"""Rules that come and go while a proxy runs: its console, as a test needs it."""

import socket

import pytest
from conftest import DEADLINE


class Control:
    def __init__(self, proxy):
        host, port = proxy.event("console")["address"].rsplit(":", 1)
        self.sock = socket.create_connection((host, int(port)), timeout=DEADLINE)
        self.file = self.sock.makefile("rb")

    def _do(self, *words):
        """Send a command and skip its answer, which must be no error."""
        parts = [w.encode() for w in words]
        self.sock.sendall(b"*%d\r\n" % len(parts) +
                          b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts))
        left = 1
        while left:
            line = self.file.readline()
            kind = line[:1]
            assert kind and kind not in b"-!", f"{words}: {line!r}"
            left -= 1
            if kind in b"*%~":
                left += int(line[1:]) * (2 if kind == b"%" else 1)
            elif kind == b"$" and line != b"$-1\r\n":
                self.file.read(int(line[1:]) + 2)

    def add(self, sentence):
        self._do("RULE", "ADD", sentence)

    def remove(self, glob="*"):
        self._do("RULE", "DEL", glob)

    def close(self):
        self.file.close()
        self.sock.close()


@pytest.fixture
def live(pair):
    """live(rules...): as pair, with the means to change rules in front:
    (control, proxy, dialer, server end)."""
    controls = []

    def start(*rules, **kwargs):
        proxy, dialer, server = pair(rules, "--console", "127.0.0.1:0", **kwargs)
        controls.append(Control(proxy))
        return controls[-1], proxy, dialer, server

    yield start
    for control in controls:
        control.close()
