"""`sunder exercise NAME` for tests: run it once, look at what it says."""

import concurrent.futures
import json
import shutil

import pytest
from labs import sunder

needs_redis = pytest.mark.skipif(not (shutil.which("redis-server") or
                                      shutil.which("valkey-server")),
                                 reason="no redis-server")


class Outcome:
    """What an exercise printed as JSON; its rows by their names."""

    def __init__(self, done):
        assert done.stdout, done.stderr
        self.status, self.stderr = done.returncode, done.stderr
        self.all = json.loads(done.stdout)
        self.rows = {row["name"]: row for row in self.all["rows"]}
        self.verdict = self.all["verdict"]

    def assert_met(self):
        assert self.verdict["met"] is True, self.verdict["checks"]
        assert (self.status, self.stderr) == (0, "")
        assert all(c["met"] and "expected" in c["text"] for c in self.verdict["checks"])
        assert self.verdict["text"].startswith("Expectation met: ")

    def column(self, name):
        return {row: values[name] for row, values in self.rows.items()}


class Together:
    """Exercises side by side, three at a time: they wait most of their time. Each is run
    once, and asked for by its name."""

    def __init__(self, tmp_path_factory, **words):
        self.pool = concurrent.futures.ThreadPoolExecutor(3)
        self.outcome = {name: self.pool.submit(exercise, tmp_path_factory.mktemp(name),
                                               name.replace("_", "-"), *words[name])
                        for name in words}

    def __call__(self, name):
        outcome = self.outcome[name.replace("-", "_")].result()
        outcome.assert_met()
        return outcome

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pool.shutdown(cancel_futures=True)


def exercise(tmp, name, *args):
    outcome = Outcome(sunder("exercise", name, "-o", "json", *args,
                             env={"TMPDIR": str(tmp)}, deadline=120))
    assert not list(tmp.glob("sunder-lab*")), "it leaves no file"
    return outcome
