"""`sunder exercise pubsub-gap`: what a subscriber misses, and who can know."""

import pytest
from exercises import exercise, needs_redis

pytestmark = needs_redis


@pytest.fixture(scope="module")
def gap(tmp_path_factory):
    outcome = exercise(tmp_path_factory.mktemp("gap"), "pubsub-gap", "--messages", "100")
    outcome.assert_met()
    return outcome


def test_half_a_second_at_a_hundred_messages_a_second_costs_about_fifty(gap):
    for name in ("reset", "swallow"):
        row = gap.rows[name]
        assert 40 <= row["lost"] <= 70
        assert row["lost"] == row["longest_gap"] and row["gaps"] == 1
        assert row["received"] + row["lost"] == row["published"] == 100


def test_the_publisher_can_know_of_a_reset_and_not_of_a_hole(gap):
    assert gap.rows["reset"]["nobody"] >= gap.rows["reset"]["lost"] - 5
    swallowed = gap.rows["swallow"]  # the way back takes a busy machine longer
    assert swallowed["lost"] - swallowed["nobody"] >= 40


def test_what_hangs_comes_late_and_a_stream_loses_nothing(gap):
    for name in ("hang", "reset, stream"):
        row = gap.rows[name]
        assert row["lost"] == 0 and row["received"] == 100
        assert 300 <= row["latest_ms"] <= 1500
    assert gap.rows["reset, stream"]["reconnects"] > 1
    assert gap.rows["hang"]["reconnects"] == 0


def test_without_a_fault_all_arrive(gap):
    for name in ("direct", "proxied"):
        row = gap.rows[name]
        assert (row["received"], row["nobody"], row["reconnects"]) == (100, 0, 0)
