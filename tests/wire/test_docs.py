"""What the documents say to type does what they say: every ```sh block of them is run,
and every rule in them is read."""

import glob
import os
import re
import socket
import subprocess

import pytest

from conftest import DEADLINE, ROOT, SUNDER, pong, wait_until

ENDLESS = re.compile(r"--watch\b|curl -sN|SUBSCRIBE")  # until Ctrl-C
RULE = re.compile(r"^ *(?:- )?((?:[\w.-]+: )?on [\w*,.-]+ <?-> [\w*,.-]+ .*?\bdo [\w-]+"
                  r".*?) *(?: #.*)?$")
WRONG = re.compile(r"^```wrong\n(.*?)^```$", re.M | re.S)


def document(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as f:
        return f.read()


def blocks(text):
    """The commands of each block that is to be run, one a line."""
    for block in re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S):
        yield block.replace("\\\n", " ").splitlines()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Desk:
    """Where a reader types: the ports of the documents are free ones here."""

    def __init__(self, tmp_path, upstream):
        self.ports = {p: free_port() for p in ("8474", "8475", "16379")}
        self.ports["6379"] = upstream.port
        self.folder, self.running = tmp_path, []
        os.symlink(os.path.abspath(SUNDER), tmp_path / "sunder")

    def here(self, command):
        command = re.sub(r"\b(8474|8475|16379|6379)\b",
                         lambda m: str(self.ports[m[1]]), command)
        own = (f"sunder proxy --api 127.0.0.1:{self.ports['8474']}"
               f" --console 127.0.0.1:{self.ports['8475']}")
        return re.sub(r"^sunder proxy", own, command)

    def start(self, command):
        path = f"{self.folder}:{os.environ['PATH']}"
        api = f"127.0.0.1:{self.ports['8474']}"
        return subprocess.Popen(  # pylint: disable=consider-using-with
            ["bash", "-c", "exec " + self.here(command)], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": path, "SUNDER_API": api})

    def background(self, command):
        self.running.append(self.start(command))
        wait_until(lambda: answers(self.ports["8475"]), command + " listens")

    def endless(self, command):
        process = self.start(command)
        assert process.stdout.readline() is not None
        assert process.poll() is None, f"{command} has ended:\n{process.stdout.read()}"
        process.terminate()
        process.communicate(timeout=DEADLINE)

    def type(self, command):
        if command.endswith("&"):
            self.background(command[:-1])
        elif ENDLESS.search(command):
            self.endless(command)
        else:
            process = self.start(command)
            out = process.communicate(timeout=DEADLINE)[0]
            assert process.returncode == 0, f"{command}\n{out}"
            wrong = re.search(r'^ERR |"error"|^sunder[a-z ]*: ', out, re.M)
            assert not wrong, (command, out)

    def leave(self):
        for process in self.running:
            process.terminate()
            process.communicate(timeout=DEADLINE)


@pytest.fixture
def desk(tmp_path, upstream):
    desk = Desk(tmp_path, upstream().serve(pong))
    yield desk
    desk.leave()


@pytest.mark.parametrize("name", ["docs/api.md", "docs/console.md"])
def test_the_commands_of_a_document_work_as_they_stand(desk, name):
    todo = list(blocks(document(name)))
    assert todo
    if "sunder proxy" not in todo[0][0]:
        desk.type("sunder proxy --listen 127.0.0.1:16379 --upstream 127.0.0.1:6379 &")
    for block in todo:
        for command in block:
            desk.type(command)


def rules():
    """(document, sentence), without those that are wrong on purpose (test_rule.c)."""
    for path in ["README.md", *sorted(glob.glob("docs/*.md", root_dir=ROOT))]:
        for line in WRONG.sub("", document(path)).splitlines():
            found = RULE.match(line)
            if found and "..." not in line:
                yield path, found[1]


def test_every_rule_of_a_document_is_read():
    found = list(rules())
    assert len(found) > 30
    for path, sentence in found:
        done = subprocess.run(
            [SUNDER, "proxy", "--check", "--listen", "127.0.0.1:0", "--upstream",
             "127.0.0.1:1", "--rule", sentence], capture_output=True, text=True,
            timeout=DEADLINE, check=False)
        assert done.returncode == 0 or "no such node or client" in done.stderr, (
            path, sentence, done.stderr)


def broken_rows(text):
    """Lines of tables that a reader of the rendered page does not see as such."""
    lines, columns = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S).split("\n"), 0
    for i, line in enumerate(lines):
        if not line.startswith("|"):
            continue
        cells = len(re.findall(r"(?<!\\)\|", line))
        if not lines[i - 1].startswith("|"):
            columns = cells
            if not re.match(r"[-:|]+$", lines[i + 1]):
                yield "no head: " + line
        if cells != columns:
            yield line


@pytest.mark.parametrize("path", ["README.md", *sorted(
    p for folder in ("docs", "faults", "tests", "k8s")
    for p in glob.glob(f"{folder}/*.md", root_dir=ROOT))])
def test_tables_are_whole(path):
    assert not list(broken_rows(document(path)))
