"""What may go is decided by age and budget, and never against a hold."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from qc_daemon.domain.retention import (
    BYTES_PER_GB,
    EvidenceKind,
    RetentionRule,
    StoredEvidence,
    retirements,
)

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def evidence(name: str, age_days: float, size_gb: float = 1.0, held: bool = False, needed: bool = False):
    size = int(size_gb * BYTES_PER_GB)
    used_at = NOW - timedelta(days=age_days)
    return StoredEvidence(name, f"blobs/{name}", EvidenceKind.IMAGE, size, used_at, held, needed)


def going(stored, **rule) -> dict[str, str]:
    return {one.evidence.sha256: one.rule for one in retirements(stored, RetentionRule(**rule), NOW)}


def test_without_a_rule_everything_is_kept():
    assert going([evidence("new", 0), evidence("old", 9999)]) == {}


def test_what_is_older_than_the_age_goes_and_the_rule_is_named():
    stored = [evidence("new", 1), evidence("edge", 30), evidence("old", 30.001)]
    assert going(stored, max_age_days=30) == {"old": "image older than 30 days"}


def test_the_oldest_beyond_the_budget_go():
    stored = [evidence("a", 1), evidence("b", 2), evidence("c", 3)]
    assert going(stored, max_gb=2) == {"c": "image beyond 2 GB"}


def test_what_is_held_or_needed_stays_and_counts_for_the_budget():
    stored = [evidence("held", 1, held=True), evidence("needed", 2, needed=True), evidence("free", 3)]
    assert going(stored, max_gb=2, max_age_days=0.5) == {"free": "image older than 0.5 days"}
    assert going(stored, max_gb=2) == {"free": "image beyond 2 GB"}


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0.01, 5), st.booleans(), st.booleans()), max_size=30),
    st.none() | st.floats(0.1, 50),
    st.none() | st.floats(0.1, 20),
)
def test_what_is_left_keeps_the_rule_or_is_held_or_needed(drawn, max_age_days, max_gb):
    stored = [evidence(str(i), *one) for i, one in enumerate(sorted(drawn, key=lambda one: one[0]))]
    gone = going(stored, max_age_days=max_age_days, max_gb=max_gb)
    left = [one for one in stored if one.sha256 not in gone]
    assert not any(one.held or one.needed for one in stored if one.sha256 in gone)
    free = [one for one in left if not (one.held or one.needed)]
    if max_age_days is not None:
        assert all(NOW - one.newest_use_at <= timedelta(days=max_age_days) for one in free)
    if max_gb is not None and free:
        at = left.index(free[-1])
        assert sum(one.size_bytes for one in left[: at + 1]) <= max_gb * BYTES_PER_GB
