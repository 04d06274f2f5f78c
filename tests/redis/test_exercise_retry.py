"""`sunder exercise retry`: sending again counts twice what had been counted."""

import pytest
from exercises import exercise, needs_redis
from labs import sunder

pytestmark = needs_redis


@pytest.fixture(scope="module")
def retry(tmp_path_factory):
    return exercise(tmp_path_factory.mktemp("retry"), "retry")


def test_a_lost_answer_makes_100_into_111_and_a_token_keeps_it_at_100(retry):
    retry.assert_met()
    assert retry.column("on_server") == {
        "direct": 100, "proxied": 100, "request lost": 100, "reply lost": 111,
        "reply lost, give up": 100, "reply lost, token": 100}
    assert set(retry.column("logical").values()) == {100}


def test_a_lost_request_and_a_lost_answer_look_the_same_to_the_client(retry):
    seen = [{k: v for k, v in retry.rows[row].items()
             if k in ("acknowledged", "sent_again", "unknown", "failed", "errors")}
            for row in ("request lost", "reply lost")]
    assert seen[0] == seen[1] == {"acknowledged": 100, "sent_again": 11, "unknown": 0,
                                  "failed": 0, "errors": {"reset": 11}}


def test_who_gives_up_does_not_know(retry):
    row = retry.rows["reply lost, give up"]
    assert (row["acknowledged"], row["unknown"], row["sent_again"]) == (90, 10, 0)


def test_only_the_rows_under_a_rule_name_one_and_only_the_direct_row_has_no_proxy(retry):
    for name, row in retry.rows.items():
        assert ("rules" in row) == ("lost" in name)
        assert ("127.0.1." in row["write"]) == (name == "direct")
    assert "lose-reply then=reset" in retry.rows["reply lost, token"]["rules"][0]


@pytest.mark.parametrize("ops", [10, 37, 99, 109])
def test_the_expectation_fits_any_number_of_operations(tmp_path, ops):
    outcome = exercise(tmp_path, "retry", "--ops", str(ops))
    outcome.assert_met()
    assert outcome.rows["reply lost"]["on_server"] > ops


def test_people_get_a_table_the_rules_and_a_verdict(tmp_path):
    done = sunder("exercise", "retry", env={"TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stdout
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "reply lost 100 100 11 0 111 11" in lines
    assert "reply lost, token the same" in lines
    assert any(line.startswith("met reply lost: 100 of 100") for line in lines)
    assert any(line.startswith("Expectation met:") for line in lines)
    assert "\033" not in done.stdout
