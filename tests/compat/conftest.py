"""The clients that people have, installed once and shared by all tests.

Those of Node come from the npm registry into build/npm, as package-lock.json says;
redis-py is Debian's. What cannot be had is skipped, with the reason.
"""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
PREFIX = os.path.join(ROOT, "build", "npm")
FILES = ("package.json", "package-lock.json")
INSTALL_DEADLINE = 120

sys.path.insert(0, os.path.join(HERE, "..", "redis"))


def content(folder):
    """What is to be, or is, installed there."""
    try:
        return [open(os.path.join(folder, f), encoding="utf-8").read() for f in FILES]
    except FileNotFoundError:
        return None


def install():
    """None, or what has prevented it. Only when all is there is the lock file copied."""
    if content(os.path.join(PREFIX, "done")) == content(HERE):
        return None
    for program in ("node", "npm"):
        if not shutil.which(program):
            return f"no {program}"
    shutil.rmtree(os.path.join(PREFIX, "done"), ignore_errors=True)
    for f in FILES:
        shutil.copy(os.path.join(HERE, f), PREFIX)
    try:
        run = subprocess.run(["npm", "ci", "--prefix", PREFIX, "--no-audit", "--no-fund",
                              "--ignore-scripts"], capture_output=True, text=True,
                             check=False, timeout=INSTALL_DEADLINE)
    except subprocess.TimeoutExpired:
        return f"npm ci has not ended after {INSTALL_DEADLINE} s"
    if run.returncode != 0:
        errors = [x for x in run.stderr.splitlines() if "error" in x.lower()]
        return "npm ci: " + (errors + ["failed"])[0]
    os.mkdir(os.path.join(PREFIX, "done"))
    for f in FILES:
        shutil.copy(os.path.join(HERE, f), os.path.join(PREFIX, "done"))
    return None


@pytest.fixture(name="npm_trouble", scope="session")
def fixture_npm_trouble():
    """None when the packages are there. Several workers may ask at once."""
    os.makedirs(PREFIX, exist_ok=True)
    with open(os.path.join(PREFIX, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return install()


@pytest.fixture(name="node", scope="session")
def fixture_node(npm_trouble):
    """How to run one of our scripts with the packages."""
    if npm_trouble:
        pytest.skip(npm_trouble)
    return node_command


def node_command(script):
    return ["env", f"NODE_PATH={os.path.join(PREFIX, 'node_modules')}", "node",
            os.path.join(HERE, script)]


# Redis clients, each with a script for each purpose: follow_ioredis.js and so on.

CLIENTS = ("ioredis", "node-redis", "redis-py")


def missing(client, npm_trouble):
    """Why it cannot be had, or None."""
    if client != "redis-py":
        return npm_trouble
    found = importlib.util.find_spec("redis")
    return None if found else "no redis module for Python"


def command(purpose, client, *words):
    script = f"{purpose}_{client.replace('-', '_')}"
    if client == "redis-py":
        return [sys.executable, os.path.join(HERE, f"{script}.py"), *words]
    return [*node_command(f"{script}.js"), *words]
