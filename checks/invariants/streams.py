"""The streams: what the books say was sent is in Kafka, and what Kafka gave up is in the books."""

from __future__ import annotations

from checks.invariants.catalogue import Invariant
from monitor.domain.check import Status

INVARIANTS = (
    Invariant("X1", Status.CRIT, None, passes_required=2),
    Invariant("X3", Status.WARN, None, passes_required=2),
    Invariant("X2", Status.WARN, None, passes_required=2),
)
