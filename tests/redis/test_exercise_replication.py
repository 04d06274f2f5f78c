"""The exercises about what a replica has, and what it takes to bring it up to date."""

import pytest
from exercises import Together, needs_redis

pytestmark = needs_redis


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with Together(tmp_path_factory, resync_storm=[], ack_drop=[], empty_restart=[],
                  monotonic=[], phantom_expiry=[], backlog=[], serve_stale=[],
                  silent_divergence=[]) as together:
        yield together


def keys(row):
    return [row["r1"], row["r2"], row["r3"]]


def test_an_empty_master_empties_its_replicas(run):
    rows = run("empty-restart").rows
    assert keys(rows["the master"]) == [0, 0, 0]


def test_a_replica_that_restarts_empty_gets_everything_back(run):
    rows = run("empty-restart").rows
    assert keys(rows["a replica"]) == keys(rows["direct, a replica"]) == [600, 600, 600]


def test_what_a_synchronisation_left_on_the_disk_is_older_than_the_last_writes(run):
    rows = run("empty-restart").rows
    assert keys(rows["the master, synchronised by disk"]) == [500, 500, 500]


@pytest.mark.parametrize("remedy", ["the master, with AOF",
                                    "the master, after a promotion"])
def test_an_append_only_file_or_a_promotion_keeps_all(run, remedy):
    assert keys(run("empty-restart").rows[remedy]) == [600, 600, 600]


def syncs(row):
    return row["sync_full"], row["sync_partial_ok"], row["sync_partial_err"]


def test_a_replica_that_missed_more_than_the_backlog_is_sent_everything(run):
    row = run("backlog").rows["away, backlog 16kb"]
    assert syncs(row) == (1, 0, 1)
    assert row["missed_bytes"] > row["backlog_bytes"] == 16384


@pytest.mark.parametrize("name", ["away, backlog 1mb", "reconnects",
                                  "direct, reconnects"])
def test_one_that_missed_less_goes_on_where_it_was(run, name):
    row = run("backlog").rows[name]
    assert syncs(row) == (0, 1, 0)
    assert row["missed_bytes"] < row["backlog_bytes"]


def test_a_key_that_lives_on_the_master_is_gone_on_a_replica_that_was_not_told(run):
    row = run("phantom-expiry").rows["stalled"]
    assert (row["master"], row["master_ttl"]) == ("v", "-1")
    assert (row["replica"], row["replica_exists"], row["replica_ttl"]) == (
        "(nil)", "0", "-2")
    assert row["replica_dbsize"] == "1"


def test_it_comes_back_when_the_link_does(run):
    rows = run("phantom-expiry").rows
    for name in ("healed", "direct", "proxied"):
        assert (rows[name]["replica"], rows[name]["replica_ttl"]) == ("v", "-1")


def test_a_life_that_is_extended_early_outlasts_the_stall(run):
    row = run("phantom-expiry").rows["stalled, extended early"]
    assert row["replica"] == "v" and 30 <= int(row["replica_ttl"]) <= 60


def test_serve_stale_no_serves_stale_data_over_a_link_that_stands_still(run):
    row = run("serve-stale").rows["stalled, no"]
    assert (row["get"], row["ping"], row["link"]) == ("old", "PONG", "up")
    assert row["behind_bytes"] > 0


def test_over_a_broken_link_it_refuses_even_a_ping(run):
    rows = run("serve-stale").rows
    assert (rows["broken, no"]["get"], rows["broken, no"]["ping"]) == ("MASTERDOWN",) * 2
    assert (rows["broken, yes"]["get"], rows["broken, yes"]["ping"]) == ("old", "PONG")
    assert rows["broken, no"]["link"] == rows["broken, yes"]["link"] == "down"


def test_a_link_that_is_too_slow_makes_full_synchronisations_without_end(run):
    row = run("resync-storm").rows["slow"]
    assert row["sync_full"] >= 3
    assert row["written_bytes"] / row["seconds"] > 2 * 600 * 1024


def test_with_room_for_it_the_same_link_only_lags(run):
    row = run("resync-storm").rows["slow, room for it"]
    assert row["sync_full"] == 0 and row["behind_bytes"] > 1 << 20


@pytest.mark.parametrize("control", ["direct", "proxied"])
def test_the_same_load_over_a_link_that_is_not_slow_is_no_trouble(run, control):
    row = run("resync-storm").rows[control]
    assert row["sync_full"] == 0 and row["written_bytes"] > 600 * 1024


def test_who_reads_from_a_late_replica_in_turn_sees_time_go_back(run):
    rows = run("monotonic").rows
    assert rows["r3 lags, in turn"]["not_monotonic"] >= 40
    assert rows["r3 lags, in turn"]["most_behind"] >= 2


def test_the_late_one_alone_never_goes_back(run):
    row = run("monotonic").rows["r3 lags, r3 only"]
    assert row["not_monotonic"] == 0 and row["not_own"] >= 40


def test_a_token_that_remembers_makes_both_hold(run):
    row = run("monotonic").rows["r3 lags, token"]
    assert (row["not_monotonic"], row["not_own"], row["failed"]) == (0, 0, 0)
    assert row["elsewhere"] >= 40


def test_without_acknowledgements_wait_denies_what_every_replica_has(run):
    row = run("ack-drop").rows["ACKs dropped"]
    assert (row["acknowledged"], row["confirmed"], row["on_replica"]) == (5, 0, 5)
    assert row["behind_bytes"] == 0


def test_to_the_client_it_looks_like_a_stream_that_stands_still(run):
    row = run("ack-drop").rows["stream stalled"]
    assert (row["acknowledged"], row["confirmed"], row["on_replica"]) == (5, 0, 0)
    assert row["behind_bytes"] > 0


def test_min_replicas_refuses_while_the_replica_has_everything(run):
    row = run("ack-drop").rows["ACKs dropped, min-replicas"]
    assert row["errors"]["NOREPLICAS"] > 0
    assert row["on_replica"] == row["acknowledged"]
    assert row["sync_partial_ok"] >= 1 and row["sync_full"] == 0


def test_a_command_that_is_lost_without_a_trace_is_confirmed_by_wait(run):
    row = run("silent-divergence").rows["one command lost"]
    assert row["confirmed"] == row["acknowledged"] == 40
    assert (row["on_replica"], row["behind_bytes"], row["link"]) == (39, 0, "up")
    assert row["digest"] == "differ"


def test_a_partial_synchronisation_leaves_the_difference_and_a_full_one_mends_it(run):
    rows = run("silent-divergence").rows
    assert rows["reconnected"]["digest"] == "differ"
    assert rows["reconnected"]["sync_partial_ok"] == 1
    assert rows["synchronised anew"]["digest"] == rows["proxied"]["digest"] == "same"
    assert rows["synchronised anew"]["sync_full"] > rows["reconnected"]["sync_full"]
