"""A replica is behind by what the rule says, and not by a byte more or less: under load,
by what the proxy counts and by what both servers say themselves.

REPL_SECONDS=10 REPL_WRITES=20000 for the long form: so many writes a second are kept up.
"""

import contextlib
import os
import signal
import threading
import time

import pytest
from labs import Redis, wait_until
from links import linked, write
from servers import SERVER

pytestmark = pytest.mark.skipif(SERVER is None, reason="no redis-server")
SECONDS = float(os.environ.get("REPL_SECONDS", "1"))
WRITES = int(os.environ.get("REPL_WRITES", "0"))
BATCH = 500


@pytest.fixture
def pair(tmp_path):
    with linked(tmp_path) as pair:
        pair.follow()
        write(pair.master, [("SET", "the", "first")])
        pair.agree()  # and so the stream has begun: the replica has acknowledged the RDB
        yield pair


@contextlib.contextmanager
def writing(pair, commands, check):
    """20 000 writes a second, or what the machine can do: `commands` again and again.
    After each time the master is at rest, and check(master, replica, writes) is asked."""
    enough, done, wrong = threading.Event(), [0], []

    def load():
        with Redis(pair.master.at) as master, Redis(pair.replica.at) as replica:
            next_at = time.monotonic()
            while not enough.is_set():
                write(pair.master, commands)
                done[0] += len(commands)
                check(master, replica, done[0])
                next_at += len(commands) / 20000
                enough.wait(max(0, next_at - time.monotonic()))

    def run():
        try:
            load()
        except BaseException as e:  # the test is in another thread
            wrong.append(e)

    writer = threading.Thread(target=run, daemon=True)
    start = time.monotonic()
    writer.start()
    try:
        yield wrong
    finally:
        enough.set()
        writer.join()
    rate = done[0] / (time.monotonic() - start)
    print(f"{done[0]} writes, {rate:.0f} a second")
    assert not wrong, wrong[0]
    assert rate > WRITES * 0.99, rate


def sample(pair, wrong, bounds, figure):
    """Of the proxy, as often as it answers, until the time is over."""
    seen, end = [], time.monotonic() + SECONDS
    while (time.monotonic() < end or len(seen) < 20) and not wrong:
        seen.append(figure(pair.proxy.view()))
        assert bounds[0] <= seen[-1] <= bounds[1], (seen[-1], pair.proxy.view())
    print(f"{len(seen)} samples from {min(seen)} to {max(seen)}")


def offset(server, field):
    return int(server.info("replication")[field])


def test_lag_in_bytes_is_exact_to_a_command_under_load(pair):
    one = len(b"*3\r\n$3\r\nSET\r\n$8\r\nkey:0000\r\n$100\r\n" + b"v" * 100 + b"\r\n")
    rests = []

    def at_rest(master, replica, writes):
        end = offset(master, "master_repl_offset")
        if writes * one < 65536 + 2 * one:
            return
        wait_until(lambda: end - offset(replica, "slave_repl_offset") < 65536 + one,
                   "the replica has all that it is to have")
        rests.append(end - offset(replica, "slave_repl_offset"))
        assert 65536 <= rests[-1] < 65536 + one

    pair.proxy.add("behind: on * -> * do lag bytes=65536")
    commands = [("SET", f"key:{i:04}", 100 * "v") for i in range(BATCH)]
    with writing(pair, commands, at_rest) as wrong:
        wait_until(lambda: rests or wrong, "it is behind")
        sample(pair, wrong, (65536, 65536 + one - 1),
               lambda view: view["held_bytes"] - view["unread_bytes"])
    print(f"{len(rests)} rests from {min(rests)} to {max(rests)}")
    assert pair.replica.info("replication")["master_link_status"] == "up"
    pair.proxy.remove("behind")
    pair.agree()
    assert not any("ev=bound" in line for line in pair.proxy.log)


def test_lag_in_commands_is_exact_under_load(pair):
    def at_rest(_, replica, writes):
        wait_until(lambda: int(replica.do("GET", "n") or 0) >= writes - 100,
                   "the replica has all that it is to have")
        assert replica.do("GET", "n") == str(writes - 100)

    one = len(b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n")
    pair.proxy.add("behind: on * -> * do lag commands=100")
    with writing(pair, [("INCR", "n")] * BATCH, at_rest) as wrong:
        wait_until(lambda: pair.replica.do("GET", "n") or wrong, "it is behind")
        # a command counts as soon as its words are known; part of one more may be here
        sample(pair, wrong, (99 * one + 1, 101 * one - 1),
               lambda view: view["held_bytes"] - view["unread_bytes"])
    assert pair.proxy.view()["held_commands"] == 100
    pair.proxy.remove("behind")
    pair.agree()


def test_a_replica_that_does_not_read_is_as_far_behind_when_it_does_again(pair):
    """What it leaves in the proxy is not held by the rule, and shortens nothing."""
    pair.proxy.add("behind: on * -> * do lag bytes=65536")
    pair.replica.signal(signal.SIGSTOP)
    try:
        while pair.proxy.view()["unread_bytes"] < 1 << 20:
            write(pair.master, [("SET", "k", 10000 * "v")] * 100)
        view = pair.proxy.view()
        assert 65536 <= view["held_bytes"] - view["unread_bytes"] < 65536 + 10100, view
    finally:
        pair.replica.signal(signal.SIGCONT)
    def behind():
        master, replica, *_ = pair.offsets()
        assert master - replica >= 65536
        return master - replica


    wait_until(lambda: behind() < 65536 + 10100, "it has read what it may have")
    pair.proxy.remove("behind")
    pair.agree()
