"""Sessions that must not notice what a test changes meanwhile."""

import threading

from conftest import DEADLINE, PING, PONG, wait_until


def ping(dialer):
    dialer.send(PING)
    return dialer.recv(len(PONG)) == PONG


class Load:
    """Sessions of which none is ever silent."""

    def __init__(self, dialers):
        self.stop, self.lost, self.rounds = threading.Event(), [], 0
        self.dialers = dialers
        self.threads = [threading.Thread(target=self.run, args=(d,)) for d in dialers]

    def run(self, dialer):
        try:
            while not self.stop.is_set():
                assert ping(dialer)
                self.rounds += 1
        except (OSError, AssertionError) as e:
            self.lost.append(repr(e))

    def goes_on(self):
        seen = self.rounds
        wait_until(lambda: self.lost or self.rounds > seen + 100, "traffic")
        assert not self.lost

    def __enter__(self):
        for t in self.threads:
            t.start()
        self.goes_on()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for t in self.threads:
            t.join(DEADLINE)
        for d in self.dialers:
            d.close()
        assert not self.lost
