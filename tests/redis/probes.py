"""`sunder probe stale` for tests: run it, or start it and do something meanwhile."""

import json
import re
import subprocess

import pytest
from labs import DEADLINE, SUNDER, sunder, wait_until
from servers import servers


@pytest.fixture(scope="module")
def trio(tmp_path_factory):
    """A master and its two replicas, for tests that leave them as they were."""
    with servers(tmp_path_factory.mktemp("redis"), (), (), ()) as (master, *replicas):
        for r in replicas:
            r.follow(master.port)
        yield master, *replicas


@pytest.fixture
def one(tmp_path):
    with servers(tmp_path, ()) as (server,):
        yield server


def arguments(write, read, *args, pairs=5, ops=100):
    return ["probe", "stale", "--write", write, "--read", read, "--pairs", str(pairs),
            "--ops", str(ops), *args]


def probe(write, read, *args, expect=0, **size):
    """Run it and read its JSON object."""
    done = sunder(*arguments(write, read, "-o", "json", *args, **size))
    assert done.returncode == expect, done.stderr
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


class Started:
    """One that runs while the test does something to its servers."""

    def __init__(self, write, read, *args, **size):
        self.process = subprocess.Popen(
            [SUNDER, *arguments(write, read, "-o", "json", *args, **size)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def until_it_writes(self, server):
        wait_until(server.keys, "the probe has written")
        return self

    def until_it_reads(self, server):
        """Some of the replies have been taken in, too: each pair has one on its way."""
        wait_until(lambda: "cmdstat_get" in server.info("commandstats") and int(re.search(
            r"calls=(\d+)", server.info("commandstats")["cmdstat_get"])[1]) >= 20,
            "the probe has read twenty times")
        return self

    def result(self, expect=0):
        out, err = self.process.communicate(timeout=DEADLINE)
        assert self.process.returncode == expect, err
        return json.loads(out), err
