"""toxiproxy-node-client drives the proxy as it drives Toxiproxy."""

import json
import os
import re
import subprocess

import pytest
from conftest import HERE
from labs import DEADLINE, SUNDER, wait_until

with open(os.path.join(HERE, "toxiproxy.js"), encoding="utf-8") as script:
    STORIES = re.findall(r"^(?:story|about)\('([^']+)'", script.read(), re.M)


@pytest.fixture(scope="module")
def told(node, tmp_path_factory):
    """What became of each story: {name: None, or what was wrong}."""
    log = tmp_path_factory.mktemp("toxiproxy") / "log"
    with open(log, "w", encoding="utf-8") as stderr:
        proxy = subprocess.Popen([SUNDER, "proxy", "-host", "127.0.0.1", "-port", "0",
                                  "--console", "off"], stderr=stderr,
                                 stdin=subprocess.DEVNULL)
    try:
        at = wait_until(lambda: re.search(r"ev=api address=(\S+)", log.read_text()),
                        "the API listens")[1]
        run = subprocess.run(node("toxiproxy.js") + [f"http://{at}"], check=False,
                             capture_output=True, text=True, timeout=3 * DEADLINE)
        assert run.returncode == 0, run.stderr
        yield {x["name"]: x["trouble"] for x in map(json.loads, run.stdout.splitlines())}
    finally:
        proxy.terminate()
        proxy.wait(DEADLINE)


@pytest.mark.parametrize("story", STORIES)
def test_the_client_is_told_what_toxiproxy_would_tell_it(told, story):
    assert story in told, "the script ended before"
    assert told[story] is None, told[story]
