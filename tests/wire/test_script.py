"""/scenario: verbs at times, on a proxy that runs already."""

import json
import os
import subprocess

import pytest
from conftest import DEADLINE, SUNDER, wait_until
from test_api import Api

STEPS = """
0s     RULE ADD slow: on client -> r1 do latency 1ms   # at once

100ms  CUT client r1 NAME away HOW hang
300ms  HEAL away
300ms  RULE DEL slow
"""


@pytest.fixture
def api(sunder, upstream):
    return Api(sunder(upstream(), [], "--api", "127.0.0.1:0"))


def state(api):
    return api.ask("GET", "/scenario")[1]


def plan(api):
    return api.ask("GET", "/plan")[1]


def test_steps_are_taken_when_their_time_has_come(api):
    assert state(api) == {"state": "none", "steps": []}
    status, told = api.ask("POST", "/scenario", STEPS)
    assert (status, told["state"], len(told["steps"])) == (200, "playing", 4)
    assert told["steps"][1] == {"at": "100ms", "verb": "CUT client r1 NAME away HOW hang"}
    wait_until(lambda: plan(api) == ["slow: on client -> r1 do latency 1ms"], "the first")
    wait_until(lambda: len(plan(api)) == 2, "the cut")
    over = wait_until(lambda: state(api)["state"] == "over" and state(api), "its end")
    assert plan(api) == [] and over["done"] == 4 and over["seconds"] >= 0.3
    assert not any("error" in step for step in over["steps"])


def test_one_at_a_time_and_what_is_done_stays(api):
    late = STEPS.replace("100ms", "1h").replace("300ms", "1h")
    assert api.ask("POST", "/scenario", late)[0] == 200
    status, said = api.ask("POST", "/scenario", STEPS)
    assert (status, said["error"]) == (409, "a scenario is being played")
    wait_until(lambda: len(plan(api)) == 1, "the first step")
    assert api.ask("DELETE", "/scenario") == (204, None)
    assert (state(api)["state"], state(api)["done"], len(plan(api))) == ("stopped", 1, 1)
    assert api.ask("DELETE", "/scenario")[0] == 404


@pytest.mark.parametrize("steps, said", [
    ("", "missing 'steps'"),
    ("# nothing", "no step"),
    ("soon RULE CLEAR", "soon"),
    ("1s RULE CLEAR\n0s RULE CLEAR", "0s is before the step above"),
    ("1s", "command"),
    ("1s FLY", "unknown command"),
    ("1s NODES", "NODES changes nothing"),
    ("1s SCENARIO STOP", "SCENARIO STOP changes nothing"),
    ("1s RULE ADD on a -> b do nothing", "unknown fault"),
    ("1s CUT a", "missing"),
    ("0s RULE CLEAR\n" * 1025, "more than 1024 steps"),
])
def test_what_makes_no_sense_is_not_begun(api, steps, said):
    status, answer = api.ask("POST", "/scenario", steps)
    assert status == 400 and said in answer["error"], answer
    assert state(api)["state"] == "none"


def test_a_step_that_fails_is_told_and_the_rest_goes_on(api):
    assert api.ask("POST", "/scenario", "0s HEAL nobody\n1ms RULE ADD on * -> r1 do hang"
                   )[0] == 200
    over = wait_until(lambda: state(api)["state"] == "over" and state(api), "its end")
    assert "nobody" in over["steps"][0]["error"] and "error" not in over["steps"][1]
    assert len(plan(api)) == 1


def test_what_is_in_quotes_is_no_comment_and_keeps_its_spaces(api):
    rule = 'odd: on client -> r1 when key=a#b do error OOM text="no  room # here"'
    assert api.ask("POST", "/scenario", f"0s RULE ADD {rule}  # a comment")[0] == 200
    wait_until(lambda: plan(api) == [rule], "the rule as it was written")


def test_a_proxy_that_ends_plays_no_more(sunder, upstream):
    proxy = sunder(upstream(), [], "--api", "127.0.0.1:0")
    assert Api(proxy).ask("POST", "/scenario", "1h RULE CLEAR")[0] == 200
    proxy.terminate()
    assert proxy.wait() == 0


def test_the_command_line_plays_a_file(api, tmp_path):
    def run(*words, text=None):
        return subprocess.run([SUNDER, "scenario", *words, "-o", "json"], input=text,
                              env={**os.environ, "SUNDER_API": f"{api.host}:{api.port}"},
                              capture_output=True, text=True, timeout=DEADLINE,
                              check=False)
    path = tmp_path / "steps"
    path.write_text(STEPS.replace("300ms", "1h"))
    assert json.loads(run("play", str(path)).stdout)["state"] == "playing"
    assert run("stop").returncode == 0
    assert json.loads(run("show").stdout)["state"] == "stopped"
    assert run("play", "-", text="0s RULE CLEAR").returncode == 0
    assert run("play", "/nowhere").returncode == 3


def test_one_that_was_stopped_goes_on_where_it_was(api):
    assert api.ask("POST", "/scenario", STEPS.replace("300ms", "400ms"))[0] == 200
    wait_until(lambda: len(plan(api)) == 2, "the cut")
    assert api.ask("DELETE", "/scenario")[0] == 204
    stood = state(api)
    assert (stood["done"], state(api)["seconds"]) == (2, stood["seconds"])
    assert api.ask("POST", "/scenario/resume") == (204, None)
    over = wait_until(lambda: state(api)["state"] == "over" and state(api), "its end")
    assert over["seconds"] >= 0.4 and plan(api) == []
    assert api.ask("POST", "/scenario/resume")[0] == 404


def test_asking_whether_it_would_be_played_begins_nothing(api):
    asked = json.dumps({"steps": "0s RULE ADD on * -> r1 do hang", "check": True})
    status, told = api.ask("POST", "/scenario", asked)
    assert (status, told["state"], len(told["steps"])) == (200, "sound", 1)
    assert state(api)["state"] == "none" and plan(api) == []
