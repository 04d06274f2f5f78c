"""A scenario for several proxies: all play it, or none; and waiting for how it ends."""

import json
import os
import signal
import subprocess

import pytest

from conftest import DEADLINE, SUNDER, wait_until
from test_fan import (ENVIRONMENT, SLOW, USAGE, crowd, go_away, impostor,  # noqa: F401
                      load, refuse)  # pylint: disable=unused-import

NOT_MET = 1
BEFORE = "before: on client -> r1 when command=NONE do latency 1ms"
NOW = f"0s RULE ADD {SLOW}\n"
LATER = f"{NOW}1h RULE CLEAR\n"


@pytest.fixture
def steps(tmp_path):
    def write(text):
        (tmp_path / "steps").write_text(text)
        return str(tmp_path / "steps")
    return write


def states(many, at=None):
    return [many.ask("scenario", "show", at=[a])["state"] for a in at or many.at]


def test_all_play_it_and_one_answer_is_given(crowd, load, steps):
    many = crowd()
    going_on = load(many.proxies)
    told = many.ask("scenario", "play", steps(
        f"{NOW}100ms CUT client r1 NAME away HOW refuse\n200ms HEAL away\n1h HEAL\n"))
    assert (told["state"], len(told["steps"])) == ("playing", 4)
    wait_until(lambda: many.ask("scenario", "show")["done"] == 3, "three steps on all")
    assert many.plans() == [[SLOW]] * 3
    shown = many.ask("scenario", "show")
    assert (shown["state"], len(shown["steps"])) == ("playing", 4)
    assert shown["seconds"] < DEADLINE, "the time of one, not the sum of three"
    many.run("scenario", "stop")
    assert states(many) == ["stopped"] * 3
    assert many.plans() == [[SLOW]] * 3, "what is done stays"
    going_on.goes_on()


def test_two_of_three_reachable_and_nothing_is_played(crowd, load, steps):
    many = crowd(rules=[BEFORE])
    gone = many.proxies[2]
    gone.terminate()
    gone.wait()
    going_on = load(many.proxies[:2])
    done = many.run("scenario", "play", steps(NOW), code=ENVIRONMENT)
    assert "nothing is changed: 1 of 3 proxies does not answer" in done.stderr
    assert many.at[2] in done.stderr and done.stdout == ""
    assert states(many, many.at[:2]) == ["none"] * 2
    assert many.ask("rule", "list", at=many.at[:2]) == [BEFORE]
    many.run("scenario", "play", steps(LATER), at=many.at[:2])
    done = many.run("scenario", "stop", code=ENVIRONMENT)
    assert "nothing is changed" in done.stderr
    assert states(many, many.at[:2]) == ["playing"] * 2
    going_on.goes_on()


def test_one_that_would_not_play_it_keeps_all_from_it(crowd, steps):
    many = crowd(3)
    many.run("scenario", "play", steps("1h RULE CLEAR"), at=many.at[1:2])
    done = many.run("scenario", "play", steps(NOW), code=USAGE)
    assert "nothing is played: of 3 proxies" in done.stderr
    assert f"{many.at[1]} would not play it: a scenario is being played" in done.stderr
    assert states(many) == ["none", "playing", "none"]
    assert many.plans() == [[]] * 3


def accept_the_check_only(how):
    def change(request):
        body = request.rfile.read(int(request.headers["Content-Length"]))
        if b'"check":true' in body:
            request.answer(200, {"state": "sound", "steps": []})
        else:
            how(request)
    return change


@pytest.mark.parametrize("how", [refuse, go_away])
def test_who_does_not_begin_brings_the_others_back(crowd, load, impostor, steps, how):
    many = crowd(2, rules=[BEFORE])
    going_on = load(many.proxies)
    wrong = impostor([BEFORE], accept_the_check_only(how))
    done = many.run("scenario", "play", steps(LATER), at=[*many.at, wrong.at],
                    code=ENVIRONMENT)
    said = done.stderr
    assert f"{wrong.at} did not begin" in said, said
    assert ("nothing is played" in said) == (how is refuse), said
    assert (f"but {wrong.at}, which may play it" in said) == (how is go_away), said
    assert states(many) == ["stopped"] * 2
    assert many.plans() == [[BEFORE]] * 2, "the first step has been taken back"
    going_on.goes_on()


@pytest.mark.parametrize("how", [refuse, go_away])
def test_who_does_not_stop_has_the_others_go_on(crowd, impostor, steps, how):
    many = crowd(2)
    many.run("scenario", "play", steps(LATER))
    wrong = impostor([], how, scenario={"state": "playing", "steps": []})
    done = many.run("scenario", "stop", at=[*many.at, wrong.at], code=ENVIRONMENT)
    assert wrong.at in done.stderr
    assert ("nothing is stopped" in done.stderr) == (how is refuse), done.stderr
    assert states(many) == ["playing"] * 2
    assert ("DELETE", "/scenario") in wrong.asked


def test_a_stop_is_for_those_that_play(crowd, steps):
    many = crowd(3)
    many.run("scenario", "play", steps(LATER), at=many.at[:2])
    many.run("scenario", "stop")
    assert states(many) == ["stopped", "stopped", "none"]
    done = many.run("scenario", "stop", code=USAGE)
    assert "no scenario is being played" in done.stderr


def test_what_makes_no_sense_is_refused_once_with_its_line(crowd, steps):
    many = crowd(2)
    done = many.run("scenario", "play", steps(f"{NOW}1s CUT client r1 HOW\n"), code=USAGE)
    assert "line 2" in done.stderr and done.stderr.count("\n") <= 2
    assert many.run("scenario", "play", "--check", steps(NOW)).stdout == \
        "sound: 1 step\n"
    assert states(many) == ["none"] * 2


def test_waiting_tells_each_step_and_ends_with_one_line_of_json(crowd, steps):
    many = crowd(2)
    done = many.run("scenario", "play", "--wait", "-o", "json", steps(
        f"{NOW}100ms RULE DEL slow\n"))
    *told, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert [t["verb"] for t in told] == [f"RULE ADD {SLOW}", "RULE DEL slow"]
    assert (last["outcome"], last["proxies"], last["failed"]) == ("done", 2, 0)
    assert last["state"] == "over" and last["seconds"] >= 0.1
    assert many.plans() == [[], []]


def test_a_step_that_goes_wrong_somewhere_is_told_and_the_status_is_1(crowd, steps):
    many = crowd(2)
    many.run("rule", "add", SLOW, at=many.at[:1])
    done = many.run("scenario", "play", steps("0s RULE DEL slow\n"), "--wait",
                    code=NOT_MET)
    assert f"FAILED: {many.at[1]}: " in done.stdout
    assert done.stdout.endswith("failed: 1 of 1 steps on 2 proxies, 1 failed\n")


def test_one_that_somebody_stops_ends_with_status_1(crowd, steps):
    many = crowd(2)
    waiting = begin(many, steps(LATER))
    many.run("scenario", "stop", at=many.at[:1])
    assert waiting.wait(DEADLINE) == NOT_MET
    assert last_of(waiting)["outcome"] == "stopped"


def begin(many, path):
    env = {**os.environ, "SUNDER_API": ",".join(many.at)}
    waiting = subprocess.Popen([SUNDER, "scenario", "play", "--wait", "-o", "json", path],
                               env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    wait_until(lambda: states(many) == ["playing"] * len(many.at), "all to play")
    wait_until(lambda: all(SLOW in plan for plan in many.plans()), "the first step")
    return waiting


def last_of(waiting):
    with waiting.stdout as out:
        return json.loads(out.read().splitlines()[-1])


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_who_is_interrupted_leaves_all_as_it_was(crowd, steps, sig):
    many = crowd(2, rules=[BEFORE])
    waiting = begin(many, steps(LATER))
    waiting.send_signal(sig)
    assert waiting.wait(DEADLINE) == 128 + sig
    assert last_of(waiting)["outcome"] == "interrupted"
    assert states(many) == ["stopped"] * 2 and many.plans() == [[BEFORE]] * 2
    waiting.stderr.close()


def test_a_proxy_that_is_lost_meanwhile_ends_it_on_the_others(crowd, steps):
    many = crowd(2, rules=[BEFORE])
    env = {**os.environ, "SUNDER_API": ",".join(many.at)}
    waiting = subprocess.Popen(
        [SUNDER, "scenario", "play", "--wait", "-o", "json", "--timeout", "500ms",
         steps(LATER)], env=env, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    wait_until(lambda: all(SLOW in plan for plan in many.plans()), "the first step")
    many.proxies[1].terminate()
    many.proxies[1].wait()
    assert waiting.wait(DEADLINE) == ENVIRONMENT
    assert last_of(waiting)["outcome"] == "lost"
    assert f"{many.at[1]} could not be set back" in waiting.stderr.read()
    assert many.ask("rule", "list", at=many.at[:1]) == [BEFORE]
    waiting.stderr.close()
