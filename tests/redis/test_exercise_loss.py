"""The exercises in which the master dies: what was acknowledged, and what is left."""

import pytest
from exercises import Together, needs_redis
from labs import sunder

pytestmark = needs_redis


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with Together(tmp_path_factory, lag_that_lies=["--times", "1"], min_replicas=[],
                  lost_acks=[], wait_is_not_consensus=[]) as together:
        yield together


@pytest.fixture(scope="module")
def lost_acks(run):
    return run("lost-acks")


def test_all_that_was_acknowledged_during_the_stall_dies_with_the_master(lost_acks):
    row = lost_acks.rows["stalled"]
    assert (row["acknowledged"], row["refused"], row["unknown"]) == (200, 0, 0)
    assert (row["lost"], row["kept"], row["kept_elsewhere"]) == (200, 0, 0)
    assert row["rules"] == ["on r2,r3 -> r1 replies do hang"]


def test_replicas_that_are_50_writes_behind_lose_exactly_those(lost_acks):
    row = lost_acks.rows["50 writes behind"]
    assert (row["acknowledged"], row["lost"], row["link"]) == (100, 50, "up")


def test_the_bytes_that_the_replicas_are_behind_foretell_the_loss(lost_acks):
    rows = lost_acks.rows
    least = len("*3\r\n$4\r\nSADD\r\n$12\r\nacknowledged\r\n$1\r\n1\r\n")
    assert rows["stalled"]["behind_bytes"] >= 200 * least
    assert rows["stalled"]["link"] == "up"
    for control in ("direct", "proxied"):
        assert rows[control]["behind_bytes"] < 10 * least


def test_wait_says_that_nobody_has_it(lost_acks):
    row = lost_acks.rows["stalled, WAIT 1"]
    assert (row["acknowledged"], row["confirmed"]) == (5, 0)
    assert (row["lost"], row["lost_confirmed"]) == (5, 0)


def test_without_a_fault_a_failover_loses_the_last_write_at_most(lost_acks):
    for control in ("direct", "proxied"):
        row = lost_acks.rows[control]
        assert row["acknowledged"] == 100 and row["lost"] <= 2
        assert "rules" not in row


@pytest.fixture(scope="module")
def lag_that_lies(run):
    return run("lag-that-lies")


def test_min_replicas_to_write_refuses_nothing_and_saves_nothing(lag_that_lies):
    row = lag_that_lies.rows["stalled, 1"]
    assert (row["acknowledged"], row["refused"], row["lost"]) == (400, 0, 400)
    assert row["last_acknowledged_ms"] > 3900  # far longer than min-replicas-max-lag


def test_info_says_that_all_is_well(lag_that_lies):
    row = lag_that_lies.rows["stalled, 1"]
    assert row["link"] == "up" and row["lag_s"] <= 2
    assert row["behind_bytes"] > 400 * 30  # the offsets do not lie


def test_how_often_it_is_played_has_bounds():
    for times in ("0", "5"):
        done = sunder("exercise", "lag-that-lies", "--times", times)
        assert done.returncode == 2 and "1 to 4" in done.stderr


@pytest.fixture(scope="module")
def min_replicas(run):
    return run("min-replicas")


def test_a_master_that_hears_of_no_replica_refuses_after_the_lag_allowed(min_replicas):
    row = min_replicas.rows["cut off, min-replicas"]
    assert row["errors"] == {"NOREPLICAS": row["refused"]} and row["refused"] > 0
    assert 1000 <= row["first_refused_ms"] <= 4000
    assert row["lost"] == row["acknowledged"] == 450 - row["refused"]


def test_without_that_setting_it_acknowledges_all_and_loses_all(min_replicas):
    row = min_replicas.rows["cut off"]
    assert (row["acknowledged"], row["refused"], row["lost"]) == (100, 0, 100)


@pytest.fixture(scope="module")
def wait(run):
    return run("wait-is-not-consensus")


def test_wait_answers_1_and_the_write_is_gone(wait):
    row = wait.rows["WAIT 1, r3 promoted"]
    assert row["confirmed"] == row["acknowledged"] == row["lost_confirmed"] == 50


def test_the_replica_that_had_it_throws_it_away(wait):
    row = wait.rows["WAIT 1, r3 promoted"]
    assert (row["kept_elsewhere"], row["kept"]) == (50, 0)


def test_who_promotes_the_one_that_has_it_keeps_it(wait):
    row = wait.rows["WAIT 1, r2 promoted"]
    assert (row["confirmed"], row["lost"]) == (50, 0)


def test_wait_for_all_who_may_be_promoted_confirms_nothing_that_is_lost(wait):
    row = wait.rows["WAIT 2, r3 promoted"]
    assert (row["confirmed"], row["lost"], row["lost_confirmed"]) == (0, 10, 0)
