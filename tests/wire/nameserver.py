"""A small DNS server that a test writes the zone of, and a network to have it in."""

import ctypes
import os
import socket
import struct
import subprocess
import threading

import conftest
import pytest

CLONE_NEWNET = 0x40000000
TYPE_A, TYPE_AAAA = 1, 28
NOERROR, NXDOMAIN = 0, 3


class Nameserver:
    """zone maps names to lists of addresses; what is not in it does not exist. Silent
    while `mute` is set."""

    def __init__(self, address="127.0.0.1"):
        self.zone, self.mute, self.asked = {}, False, []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                question, peer = self.sock.recvfrom(4096)
                if not self.mute:
                    self.sock.sendto(self.answer(question), peer)
            except OSError:
                return

    def answer(self, question):
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        name = ".".join(labels).lower()
        kind = struct.unpack("!H", question[at + 1:at + 3])[0]
        self.asked.append(name)
        known = self.zone.get(name)
        six = kind == TYPE_AAAA
        records = [self.record(a) for a in known or [] if (":" in a) == six]
        code = NOERROR if known is not None else NXDOMAIN
        head = struct.pack("!HHHHH", 0x8180 | code, 1, len(records), 0, 0)
        return question[:2] + head + question[12:at + 5] + b"".join(records)

    @staticmethod
    def record(address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        data = socket.inet_pton(family, address)
        kind = TYPE_AAAA if ":" in address else TYPE_A
        return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 5, len(data)) + data

    def close(self):
        self.sock.close()


@pytest.fixture
def nameserver(tmp_path, monkeypatch):
    """The test, all that it starts and the name server, in a network of their own. What
    is run as SUNDER asks that server, and completes names as a pod of `shop` does."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", encoding="ascii") as home:
        if libc.unshare(CLONE_NEWNET) != 0:
            pytest.skip("no right to make a network namespace")
        server = None
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            server = Nameserver()
            conf, wrapper = tmp_path / "resolv.conf", tmp_path / "sunder"
            conf.write_text("nameserver 127.0.0.1\n"
                            "search shop.svc.k.test svc.k.test k.test\n"
                            "options ndots:5 timeout:1 attempts:1\n")
            wrapper.write_text(
                "#!/bin/sh\nexec unshare --mount sh -c 'mount --bind \"$0\" "
                f"/etc/resolv.conf && exec \"$@\"' {conf} {conftest.SUNDER} \"$@\"\n")
            wrapper.chmod(0o755)
            monkeypatch.setattr(conftest, "SUNDER", str(wrapper))
            yield server
        finally:
            if server:
                server.close()
            assert libc.setns(home.fileno(), CLONE_NEWNET) == 0, os.strerror(
                ctypes.get_errno())
