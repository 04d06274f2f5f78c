"""Whoever is asked may answer something else: a service that is no Redis, or a server
behind a fault that moves every answer by one. That is told, and crashes nobody."""

import contextlib
import os
import socket
import socketserver
import subprocess
import threading

import pytest
from labs import DEADLINE, SUNDER

ODD = {
    "numbers": b"*2\r\n:1\r\n:2\r\n",
    "nested": b"*2\r\n*2\r\n:1\r\n:2\r\n*-1\r\n",
    "messages": b"*4\r\n$10\r\npsubscribe\r\n:1\r\n:1\r\n:1\r\n"
                b"*4\r\n$8\r\npmessage\r\n:1\r\n:1\r\n:1\r\n",
    "role": b"*3\r\n$6\r\nmaster\r\n:1\r\n:2\r\n",
}
COMMANDS = """hello
sentinel status
sentinel master
sentinel replicas
sentinel failover --timeout 300ms
sentinel wait --timeout 300ms
sentinel watch --timeout 300ms
topology check
probe failover --within 300ms
probe stale --pairs 2 --ops 3
probe retry --token --ops 3
probe pipeline --batches 2
probe pipeline --batches 2 --transaction
probe pubsub --messages 3
probe pubsub --messages 3 --stream
probe read --duration 100ms
probe writes --ops 3 --wait 1
probe session --ops 3
probe half-open --for 100ms""".splitlines()


class Odd(socketserver.BaseRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError):
            while asked := self.request.recv(65536):
                self.request.sendall(self.server.answer * max(1, asked.count(b"*")))


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    address_family = socket.AF_INET


@pytest.mark.parametrize("answer", ODD)
def test_an_odd_answer_crashes_nobody(answer):
    with Server(("127.0.0.1", 0), Odd) as server:
        server.answer = ODD[answer]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = f"127.0.0.1:{server.server_address[1]}"
        runs = [subprocess.Popen(  # pylint: disable=consider-using-with
            [SUNDER, *command.split()], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            env={**os.environ, "URL_M": at, "URL_R": at, "URL_S": at})
            for command in COMMANDS]
        for command, run in zip(COMMANDS, runs):
            said = run.communicate(timeout=DEADLINE)[1]
            assert run.returncode in (0, 1, 2, 3), (command, said)
        server.shutdown()
