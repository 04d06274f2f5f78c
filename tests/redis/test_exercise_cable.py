"""`sunder exercise cable`: what is wrong with the cable, and who can tell?"""

import pytest
from exercises import Outcome, needs_redis
from labs import sunder

pytestmark = [needs_redis, pytest.mark.alone]


@pytest.fixture(scope="module")
def cable():
    done = sunder("exercise", "cable", "-o", "json")
    if done.returncode == 3 and "packet filter" in done.stderr:
        pytest.skip("neither packet filters nor user namespaces")
    return Outcome(done)


def test_without_a_fault_nobody_notices_anything(cable):
    for name in ("direct", "proxied"):
        row = cable.rows[name]
        assert row["client_ms"] is row["replica_ms"] is row["master_ms"] is None


def test_what_is_late_is_seen_by_who_looks_at_the_age_and_by_nobody_else(cable):
    row = cable.rows["latency"]
    assert row["late_ms"] > 50
    assert row["replica_ms"] is row["master_ms"] is None
    assert row["resync"] == "none"


def test_a_hang_and_a_pulled_cable_differ_in_what_the_kernel_sends_again(cable):
    hang, hole = cable.rows["hang"], cable.rows["blackhole"]
    for row in (hang, hole):
        assert 2000 <= row["replica_ms"] <= 6000 and 2000 <= row["master_ms"] <= 6000
        assert row["client_ms"] < row["replica_ms"], "who reads it knows long before"
        assert row["resync"] == "partial"
    assert hang["resent"] < hole["resent"]


def test_netem_is_measured_or_skipped_aloud(cable):
    row = cable.rows["netem"]
    if "skipped" in row:
        assert "sch_netem" in row["skipped"] or "CAP_NET_ADMIN" in row["skipped"]
    else:
        assert row["late_ms"] > 50 and row["resent"] > 0


def test_all_of_it_is_what_is_expected(cable):
    cable.assert_met()
