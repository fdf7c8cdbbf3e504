"""Histograms as bytes: small, and mergeable without loss.

A packed histogram is one byte that tells how wide a count is (1, 2, 4 or 8 bytes), then the
buckets (16 bits each, ascending), then their counts in the same order; all little-endian.
"""

from __future__ import annotations

import struct
import sys
from bisect import bisect_left
from collections.abc import Iterable, Mapping

from monitor.domain.baseline import bucket_of

HOUR = 3600
DAY = 86_400
_SIZE_MAX = 1e270  # its bucket still fits into 16 bits; what is beyond shares it
_WIDTHS = ((1, 0xFF, "B"), (2, 0xFFFF, "H"), (4, 0xFFFF_FFFF, "I"), (8, 2**64 - 1, "Q"))
_LETTER = {width: letter for width, _, letter in _WIDTHS}
_ONE = struct.Struct("<BhB")
_IS_LITTLE = sys.byteorder == "little"


def bucket(value: float) -> int:
    """The bucket of a finite reading, as it is packed."""
    return bucket_of(max(-_SIZE_MAX, min(_SIZE_MAX, value)))


def one(value: float) -> bytes:
    """The packed histogram of a single reading."""
    return _ONE.pack(1, bucket(value), 1)


def pack(buckets: Mapping[int, int]) -> bytes:
    """Buckets and their counts as bytes."""
    keys = sorted(buckets)
    counts = [buckets[key] for key in keys]
    most = max(counts, default=0)
    width, _, letter = next(entry for entry in _WIDTHS if most <= entry[1])
    return struct.pack(f"<B{len(keys)}h{len(keys)}{letter}", width, *keys, *counts)


def unpack(packed: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The buckets and their counts behind the bytes."""
    width = packed[0]
    size = (len(packed) - 1) // (2 + width)
    if width == 1:
        split = 1 + 2 * size
        return struct.unpack(f"<{size}h", packed[1:split]), tuple(packed[split:])
    numbers = struct.unpack(f"<{size}h{size}{_LETTER[width]}", packed[1:])
    return numbers[:size], numbers[size:]


def merge(packed: bytes, other: bytes) -> bytes:
    """Two packed histograms as one; SQLite calls it as merge_buckets()."""
    if len(other) == _ONE.size and _IS_LITTLE:
        _, key, count = _ONE.unpack(other)
        grown = _grown(packed, key, count)
        if grown is not None:
            return grown
    buckets: dict[int, int] = {}
    merge_all(buckets, (packed, other))
    return pack(buckets)


def _grown(packed: bytes, key: int, count: int) -> bytes | None:
    """The histogram with one bucket more or larger, edited in place; None: the count is full."""
    width = packed[0]
    split = 1 + (len(packed) - 1) // (2 + width) * 2
    keys = memoryview(packed)[1:split].cast("h")
    place = bisect_left(keys, key)
    at = split + place * width
    if place == len(keys) or keys[place] != key:
        at_key, number = 1 + 2 * place, key.to_bytes(2, "little", signed=True)
        added = count.to_bytes(width, "little")
        return b"".join((packed[:at_key], number, packed[at_key:at], added, packed[at:]))
    total = int.from_bytes(packed[at : at + width], "little") + count
    if total >> (8 * width):
        return None
    return b"".join((packed[:at], total.to_bytes(width, "little"), packed[at + width :]))


def merge_all(buckets: dict[int, int], packed: Iterable[bytes]) -> None:
    """Add packed histograms to buckets."""
    known = buckets.get
    for each in packed:
        for key, count in zip(*unpack(each), strict=True):
            buckets[key] = known(key, 0) + count
