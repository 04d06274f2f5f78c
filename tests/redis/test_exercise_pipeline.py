"""`sunder exercise pipeline`: what is known of a pipeline that breaks."""

import pytest
from exercises import exercise, needs_redis

pytestmark = needs_redis


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    outcome = exercise(tmp_path_factory.mktemp("pipeline"), "pipeline")
    outcome.assert_met()
    return outcome


def test_of_the_answers_that_were_cut_every_command_had_run(pipeline):
    row = pipeline.rows["replies cut"]
    assert (row["answered"], row["unknown"], row["unknown_ran"]) == (65, 35, 35)
    assert row["half_done"] == 0


def test_sending_the_rest_again_runs_it_twice(pipeline):
    row = pipeline.rows["replies cut, rest again"]
    assert (row["answered"], row["twice"], row["on_server"]) == (100, 36, 136)


def test_of_the_requests_that_were_cut_some_had_run(pipeline):
    row = pipeline.rows["requests cut"]
    assert row["answered"] <= row["on_server"] < 100
    assert row["half_done"] == 5


def test_a_transaction_with_a_token_happens_once_whatever_is_cut(pipeline):
    for cut in ("replies", "requests"):
        row = pipeline.rows[f"{cut} cut, MULTI and token"]
        assert row["broken"] >= 5
        assert (row["answered"], row["on_server"]) == (100, 100)
        assert (row["twice"], row["gone"], row["half_done"], row["unknown"]) == (0,) * 4


def test_a_transaction_that_had_run_is_not_sent_again(pipeline):
    assert pipeline.rows["replies cut, MULTI and token"]["sent_again"] == 0
    assert pipeline.rows["requests cut, MULTI and token"]["sent_again"] >= 50


def test_without_a_fault_nothing_is_in_doubt(pipeline):
    for name in ("direct", "proxied"):
        row = pipeline.rows[name]
        assert (row["answered"], row["on_server"], row["broken"]) == (100, 100, 0)
