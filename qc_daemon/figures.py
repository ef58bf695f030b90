"""Figures of a running station, counted since it started; they end as metrics."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

# Upper edges of the buckets of a duration, seconds; what is longer falls into the last, open one.
BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Durations:
    """How long a step took: its number by bucket (not cumulated), and the sum."""

    by_bucket: tuple[int, ...] = (0,) * (len(BUCKETS_S) + 1)
    sum_s: float = 0.0

    def with_one(self, seconds: float) -> "Durations":
        """Return these and one more."""
        counts = list(self.by_bucket)
        counts[bisect_left(BUCKETS_S, seconds)] += 1
        return Durations(tuple(counts), self.sum_s + seconds)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted.

    Attributes:
        inspections: by verdict.
        seconds: by step of an inspection.
        jobs_left_out: nightly jobs that did not run when they were due.
        jobs_failed: nightly jobs that ran and failed.
        calendar_lag_s: how late the calendar was when it last looked.
        restarts: of child processes.
        messages_sent: by destination.
    """

    inspections: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, Durations] = field(default_factory=dict)
    jobs_left_out: int = 0
    jobs_failed: int = 0
    calendar_lag_s: float = 0.0
    restarts: int = 0
    messages_sent: Mapping[str, int] = field(default_factory=dict)

    def with_inspection(self, verdict: str, seconds: Mapping[str, float]) -> "Figures":
        """Return these and one more inspection."""
        counted = {**self.inspections, verdict: self.inspections.get(verdict, 0) + 1}
        steps = dict(self.seconds)
        for step, took_s in seconds.items():
            steps[step] = steps.get(step, Durations()).with_one(took_s)
        return replace(self, inspections=counted, seconds=steps)

    def with_step(self, step: str, took_s: float) -> "Figures":
        """Return these and one more duration of a step."""
        return replace(
            self, seconds={**self.seconds, step: self.seconds.get(step, Durations()).with_one(took_s)}
        )
