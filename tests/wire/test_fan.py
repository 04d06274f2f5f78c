"""Several proxies behind one command line: all follow, or none."""

import contextlib
import http.server
import json
import os
import subprocess
import threading

import pytest

from conftest import DEADLINE, SUNDER, pong
from load import Load, ping

USAGE, ENVIRONMENT = 2, 3


def api_of(proxy):
    return proxy.event("api")["address"]


class Crowd:
    """Proxies, and a command line that knows them all."""

    def __init__(self, proxies):
        self.proxies, self.at = proxies, [api_of(p) for p in proxies]

    def run(self, *words, at=None, code=0, timeout="30s"):
        env = {**os.environ, "SUNDER_API": ",".join(at or self.at)}
        done = subprocess.run([SUNDER, *words, "--timeout", timeout], env=env, text=True,
                              capture_output=True, timeout=2 * DEADLINE, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def ask(self, *words, **kwargs):
        return json.loads(self.run(*words, "-o", "json", **kwargs).stdout)

    def plans(self):
        return [self.ask("rule", "list", at=[a]) for a in self.at]


@pytest.fixture
def crowd(sunder, upstream):
    def start(n=3, rules=()):
        server = upstream().serve(pong)
        return Crowd([sunder(server, rules, "--api", "127.0.0.1:0") for _ in range(n)])
    return start


@pytest.fixture
def load():
    """load(proxies): sessions through each of them, for as long as the test goes."""
    with contextlib.ExitStack() as running:
        yield lambda proxies: running.enter_context(
            Load([p.dial() for p in proxies for _ in range(8)]))


class Impostor:
    """Says of itself that it is a proxy with these rules, and then does not follow.
    `looks` is what else it says of itself, by path."""

    def __init__(self, rules, change, looks):
        outer = self
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(200, looks.get(self.path, rules))

            def do_POST(self):
                outer.asked.append((self.command, self.path))
                change(self)

            do_DELETE = do_PUT = do_POST

            def answer(self, status, what):
                body = json.dumps(what).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.at = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def impostor():
    running = []

    def start(rules, change, **looks):
        running.append(Impostor(rules, change,
                                {f"/{path}": says for path, says in looks.items()}))
        return running[-1]
    yield start
    for one in running:
        one.close()


def refuse(request):
    request.answer(500, {"error": "not today", "status": 500})


def go_away(request):
    request.connection.close()


SLOW = "slow: on client -> r1 when command=GET do latency 1ms"


def test_a_change_is_made_on_all_and_the_answer_is_one(crowd, load):
    many = crowd()
    load(many.proxies)
    rule = many.ask("rule", "add", SLOW)
    assert (rule["name"], rule["rule"]) == ("slow", SLOW)
    assert many.plans() == [[SLOW]] * 3
    assert many.ask("rule", "list") == [SLOW]
    cut = many.ask("cut", "client", "r1", "--how", "hang", "--for", "1ms")
    assert cut["name"] == "cut-1"
    assert many.ask("rule", "del", "slow") == 1


def test_what_several_say_is_added_up(crowd):
    many = crowd(rules=SLOW)
    dialers = [p.dial() for p in many.proxies for _ in range(2)]
    for i, d in enumerate(dialers):
        assert ping(d), i
    status = many.ask("status")
    assert [n["sessions"] for n in status["nodes"] if n["name"] == "r1"] == [6]
    assert [link["ever"] for link in status["links"]] == [6]
    assert status["info"]["accepted"] == 6
    assert status["info"]["rules"] == 1
    assert [r["name"] for r in status["rules"]] == ["slow"]
    sessions = many.ask("sessions")
    assert sessions["total"] == 6
    assert sorted(s["proxy"] for s in sessions["sessions"]) == sorted(many.at * 2)
    for d in dialers:
        d.close()


def test_a_rule_that_only_some_have_says_on_how_many_it_is(crowd):
    many = crowd()
    many.run("rule", "add", SLOW, at=many.at[:2])
    assert [r["proxies"] for r in many.ask("rules")] == [2]


def test_two_of_three_reachable_and_nothing_is_applied(crowd, load):
    many = crowd()
    gone = many.proxies[2]
    gone.terminate()
    gone.wait()
    going_on = load(many.proxies[:2])
    for words in (("rule", "add", SLOW), ("isolate", "r1"), ("rule", "clear")):
        done = many.run(*words, code=ENVIRONMENT)
        assert "nothing is changed: 1 of 3 proxies does not answer" in done.stderr
        assert many.at[2] in done.stderr and done.stdout == ""
    assert many.ask("rule", "list", at=many.at[:2]) == []
    going_on.goes_on()


def test_a_look_shows_what_there_is_and_who_did_not_answer(crowd):
    many = crowd()
    many.proxies[2].terminate()
    many.proxies[2].wait()
    done = many.run("rules", code=ENVIRONMENT)
    assert many.at[2] in done.stderr and done.stderr.count("\n") == 1
    done = many.run("status", "-o", "json", code=ENVIRONMENT)
    assert json.loads(done.stdout)["nodes"][0]["name"] == "r1"


@pytest.mark.parametrize("change", [refuse, go_away])
def test_who_does_not_follow_brings_the_others_back(crowd, load, impostor, change):
    twice = "twice: on client -> r1 when command=PING do latency 1us"
    many = crowd(2, rules=[SLOW, twice])
    going_on = load(many.proxies)
    wrong = impostor([SLOW], change)
    before = many.plans()
    fired = [r["fired"] for r in many.ask("rules") if r["name"] == "twice"]
    assert fired[0] > 0
    for words in (("cut", "client", "r1"), ("rule", "add", "on * -> r1 do refuse"),
                  ("rule", "del", "slow")):
        done = many.run(*words, at=[*many.at, wrong.at], code=ENVIRONMENT)
        said = done.stderr
        assert f"{wrong.at} did not follow" in said, said
        assert ("nothing is changed" in said) == (change is refuse), said
        assert (f"but {wrong.at}" in said) == (change is go_away), said
        assert sorted(many.plans()[0]) == sorted(before[0])
    after = [r["fired"] for r in many.ask("rules") if r["name"] == "twice"]
    assert after[0] >= fired[0], "a rule that stays goes on counting where it was"
    assert wrong.asked
    going_on.goes_on()


def test_a_heal_that_one_refuses_leaves_the_partition_on_all(crowd, impostor):
    many = crowd(2)
    many.run("cut", "client", "r1", "--how", "refuse")
    wrong = impostor(many.plans()[0], refuse)
    before = many.plans()
    assert before[0]
    done = many.run("heal", at=[*many.at, wrong.at], code=ENVIRONMENT)
    assert "nothing is changed" in done.stderr
    assert many.plans() == before
    many.run("heal")
    assert many.plans() == [[], []]


def test_rules_without_a_name_get_the_same_one_everywhere(crowd):
    many = crowd(2)
    many.run("rule", "add", "on * -> r1 when command=GET do latency 1ms", at=many.at[:1])
    rule = many.ask("rule", "add", "on * -> r1 when command=SET do latency 1ms")
    assert rule["name"] == "rule-2"
    many.run("cut", "client", "r1", "--how", "hang", at=many.at[1:])
    assert many.ask("cut", "client", "r1", "--how", "hang")["name"] == "cut-2"
    many.run("heal", "cut-2")
    assert [len(p) for p in many.plans()] == [2, 2]


def test_a_sentence_that_is_wrong_is_refused_once_and_changes_nothing(crowd):
    many = crowd(2)
    done = many.run("rule", "add", "on * -> r1 do latnecy 1ms", code=USAGE)
    assert "latency" in done.stderr and done.stderr.count("\n") <= 2
    assert many.plans() == [[], []]


def test_a_session_is_ended_where_it_is_sure_to_be(crowd):
    many = crowd(2)
    stays, one, two = (p.dial() for p in (many.proxies[0], *many.proxies))
    for d in (stays, one, two):
        assert ping(d)
    done = many.run("session", "kill", "1", code=USAGE)
    assert "2 proxies may have a session 1" in done.stderr and many.at[1] in done.stderr
    many.run("session", "kill", "2")
    one.expect_reset()
    done = many.run("session", "kill", "99", code=USAGE)
    assert "there is no session 99" in done.stderr
    for d in (stays, two):
        assert ping(d)
        d.close()
    many.proxies[1].terminate()
    many.proxies[1].wait()
    done = many.run("session", "kill", "1", code=ENVIRONMENT)
    assert "nothing is changed" in done.stderr


@pytest.mark.parametrize("where, word", [("", "address"), ("127.0.0.1:1,", "address"),
                                         ("no.such.name.invalid:8474", "no.such.name")])
def test_an_address_that_is_none_is_said_in_one_line(where, word):
    done = subprocess.run([SUNDER, "status", "--api", where], capture_output=True,
                          text=True, timeout=DEADLINE, check=False)
    assert done.returncode in (USAGE, ENVIRONMENT)
    assert word in done.stderr and done.stderr.count("\n") <= 2


def test_the_whole_plan_is_replaced_at_once_and_what_stays_keeps_its_count(crowd, load):
    many = crowd(2, rules="keep: on client -> r1 when command=PING do latency 1us")
    going_on = load(many.proxies)
    before = many.ask("rules")[0]["fired"]
    keep = many.ask("rule", "list")[0]
    rules = many.ask("rule", "set", f"{SLOW}\n\n{keep}\n")
    assert [r["name"] for r in rules] == ["slow", "keep"]
    assert rules[1]["fired"] >= before > 0
    done = many.run("rule", "set", f"{keep}\nnonsense", code=USAGE)
    assert "nonsense" in done.stderr
    assert many.plans() == [[SLOW, keep]] * 2
    assert many.ask("rule", "set", "") == []
    going_on.goes_on()
