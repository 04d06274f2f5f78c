"""`sunder exercise loading`: a replica that loads its data, in truth or by the proxy."""

import pytest
from exercises import exercise, needs_redis

pytestmark = [needs_redis, pytest.mark.alone]


@pytest.fixture(scope="module", params=["real", "injected"])
def loading(request, tmp_path_factory):
    args = ["--injected"] if request.param == "injected" else []
    outcome = exercise(tmp_path_factory.mktemp("loading"), "loading", *args)
    outcome.assert_met()
    outcome.wanted = request.param
    return outcome


def test_it_says_whether_the_loading_was_real(loading):
    said = loading.all["loading"]
    assert said == loading.wanted or (loading.wanted, said) == ("real", "injected")
    rule = loading.rows["loading"]["rules"][0]
    assert ("error LOADING" in rule) == (said == "injected")
    assert ("key-load-delay" in rule) == (said == "real")


def test_a_naive_client_fails_for_as_long_as_it_takes(loading):
    row = loading.rows["loading"]
    assert 150 <= row["failed"] <= 275
    assert row["errors"] == {"LOADING": row["failed"]}
    assert row["answered"] + row["failed"] == row["reads"] == 300
    assert row["silence_ms"] >= 1500


def test_one_that_tries_again_is_late_and_fails_nothing(loading):
    row = loading.rows["loading, retry"]
    assert (row["failed"], row["answered"], row["elsewhere"]) == (0, 300, 0)
    assert 1500 <= row["slowest_ms"] <= 3500


def test_one_that_asks_the_next_replica_is_not_even_late(loading):
    row = loading.rows["loading, next replica"]
    assert (row["failed"], row["answered"]) == (0, 300)
    assert row["elsewhere"] >= 150 and row["slowest_ms"] < 1000
