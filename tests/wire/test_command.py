"""The command line of `sunder proxy`: one clear line for what is wrong, never a crash."""

import os
import subprocess

import pytest
from conftest import DEADLINE, ROOT, SUNDER

USAGE, ENVIRONMENT = 2, 3


def run(*argv, text=None):
    return subprocess.run([SUNDER, *argv], input=text, capture_output=True, text=True,
                          timeout=DEADLINE, check=False)


CONFIG = """
seed: 42
nodes:
  - {name: r1, listen: "127.0.0.1:0", upstream: "127.0.0.1:1", sources: [127.0.1.1]}
  - {name: r2, listen: "127.0.0.1:0", upstream: "127.0.0.1:2", sources: [127.0.1.2]}
clients:
  - {name: app, sources: [127.0.3.1, 10.1.0.0/16]}
rules:
  - on r2 -> r1 replies do latency 50ms
limits: {lane: 8mb, total: 512mb, sessions: 20000}
when-down: refuse
connect-timeout: 5s
"""


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "sunder.yaml"
        path.write_text(text)
        return str(path)
    return write


def test_check_accepts_a_good_file_and_opens_nothing(config):
    done = run("proxy", "--check", "--config", config(CONFIG))
    assert done.returncode == 0, done.stderr
    assert "ev=listen" not in done.stderr


def test_check_reads_json_too(config):
    done = run("proxy", "--check", "--config", config(
        '{"nodes": [{"name": "r1", "listen": "127.0.0.1:0", "upstream": "h:1"}]}'))
    assert done.returncode == 0, done.stderr


BROKEN = [  # what replaces what, and a word that the message must have
    ("when-down: refuse", "when-down: sulk", "sulk"),
    ("clients:", "cleints:", "cleints"),
    ("name: r2", "name: r1", "r1"),
    ("127.0.1.2", "127.0.1.1", "r2"),
    ("do latency 50ms", "do latnecy 50ms", "latency"),
    ("do latency 50ms", "do latency 50", "50"),
    ("on r2 ->", "on r9 ->", "r9"),
    ("10.1.0.0/16", "10.1.0.0/99", "10.1.0.0/99"),
    ("connect-timeout: 5s", "connect-timeout: soon", "soon"),
    ("seed: 42", "seed: many", "many"),
    ("seed: 42", "seed: [", "line"),
    ("lane: 8mb", "lane: -8mb", "-8mb"),
]


@pytest.mark.parametrize("good, bad, word", BROKEN)
def test_check_names_what_is_wrong_in_a_file(config, good, bad, word):
    assert good in CONFIG
    done = run("proxy", "--check", "--config", config(CONFIG.replace(good, bad, 1)))
    assert done.returncode == USAGE, done.stderr
    assert word in done.stderr
    assert done.stderr.count("\n") <= 2, "one line, and perhaps a hint"


WRONG = [
    ((), "nothing to stand in front of"),
    (("--listen", "127.0.0.1:0"), "upstream"),
    (("--listen", "127.0.0.1:99999", "--upstream", "h:1"), "99999"),
    (("--listen", "nonsense", "--upstream", "h:1"), "nonsense"),
    (("--listen", ":0", "--upstream", "h:1", "--rule", "on * -> * do hnag"), "hang"),
    (("--listen", ":0", "--upstream", "h:1", "--rule", "do hang"), "on"),
    (("--listen", ":0", "--upstream", "h:1", "--seed", "x"), "seed"),
    (("--no-such-flag",), "no-such-flag"),
    (("--listen", ":0", "--upstream", "h:1", "word"), "word"),
]


@pytest.mark.parametrize("argv, word", WRONG)
def test_a_wrong_command_line_gets_one_line_and_a_hint(argv, word):
    done = run("proxy", "--check", *argv)
    assert done.returncode == USAGE, (done.returncode, done.stderr)
    assert word in done.stderr
    assert done.stderr.count("\n") <= 2


def test_a_file_that_is_not_there_is_the_environments_fault():
    done = run("proxy", "--check", "--config", "/no/such/file")
    assert done.returncode == ENVIRONMENT
    assert "/no/such/file" in done.stderr and done.stderr.count("\n") <= 2


def test_a_taken_address_is_said_and_is_the_environments_fault(upstream):
    taken = upstream()
    done = run("proxy", "--listen", taken.address, "--upstream", "127.0.0.1:1")
    assert done.returncode == ENVIRONMENT
    assert taken.address in done.stderr and "in use" in done.stderr


def test_help_has_an_example_and_goes_to_standard_output():
    done = run("proxy", "--help")
    assert done.returncode == 0
    assert "sunder proxy --listen" in done.stdout
    assert str(2 ** 64 - 1) not in done.stdout, "that is nobody's default"
    assert done.stderr == ""


def helps():
    listed = run("--help").stdout.split("running proxy")[0]
    return [line.split()[0] for line in listed.splitlines() if line.startswith("  ")
            and not line.startswith("  sunder")]


@pytest.mark.parametrize("command", helps())
def test_no_line_of_a_help_is_broken_in_the_middle(command):
    """A text that was wrapped by hand and then again has words that stand alone."""
    text = run(command, "--help").stdout
    about = text.split("\n\n")[1].splitlines()
    assert not any(line.endswith(" ") for line in text.splitlines())
    for line, following in zip(about, about[1:]):
        if not line.endswith((".", ":", "?")):
            assert len(line) + 1 + len(following.split()[0]) > 78, line


def test_one_is_not_many(config):
    path = config("nodes: [{name: r1, listen: '127.0.0.1:0', upstream: '127.0.0.1:1'}]\n"
                  "rules: [on client -> r1 do hang]\n")
    assert run("proxy", "--check", "--config", path).stdout == "sound: 1 node, 1 rule\n"


SHORT = [["--help"], ["faults"], ["exercise", "list"], ["proxy", "--help"],
         ["completion", "bash"], ["topology", "config", "--node", "r1,h:1,h:2"]]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("argv", SHORT)
def test_output_that_is_lost_is_said_and_is_the_environments_fault(argv):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([SUNDER, *argv], stdout=full, stderr=subprocess.PIPE,
                              text=True, timeout=DEADLINE, check=False)
    assert done.returncode == ENVIRONMENT
    assert done.stderr.splitlines() == [
        "sunder: cannot write the output: No space left on device"]


def test_a_reader_who_has_enough_is_not_told_about_it():
    read, write = os.pipe()
    os.close(read)
    # SIGPIPE is ignored, as in a lab.
    with subprocess.Popen([SUNDER, "faults"], stdout=write, stderr=subprocess.PIPE,
                          restore_signals=False) as process:
        os.close(write)
        assert process.stderr.read() == b""
        assert process.wait(DEADLINE) == ENVIRONMENT


@pytest.mark.parametrize("argv", SHORT + [["proxy", "--listen", "127.0.0.1:0",
                                           "--upstream", "127.0.0.1:1", "--check"]])
def test_without_standard_files_nothing_else_takes_their_place(argv):
    done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&-', "sh", SUNDER, *argv],
                          stderr=subprocess.PIPE, text=True, timeout=DEADLINE,
                          check=False)
    assert done.returncode == ENVIRONMENT and "Bad file descriptor" in done.stderr


def test_version_is_one_line():
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("sunder ") and done.stdout.count("\n") == 1


@pytest.mark.parametrize("typed, near", [("proxi", "proxy"), ("isolat", "isolate"),
                                         ("sesion", "session")])
def test_an_unknown_command_is_told_the_nearest(typed, near):
    done = run(typed)
    assert done.returncode == USAGE
    assert f"'{near}'" in done.stderr


def test_help_lists_every_verb_of_a_running_proxy():
    done = run("--help")
    for verb in ("status", "session kill", "journal tail", "rule set", "bridge",
                 "scenario play", "scenario resume"):
        assert f"\n  {verb} " in done.stdout, verb


def test_the_fault_table_of_the_readme_is_what_the_program_prints():
    done = run("faults", "--markdown")
    assert done.returncode == 0
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        readme = f.read()
    table = readme.split("<!-- faults: begin -->\n")[1].split("<!-- faults: end -->")[0]
    assert table.strip() == done.stdout.strip(), "run: make readme"
