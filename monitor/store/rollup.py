"""Histograms as bytes: small, and mergeable without loss.

The first byte tells the form and how wide a count is (1, 2, 4 or 8 bytes); little-endian.
Sparse: the buckets (16 bits each, ascending), then their counts in the same order.
Dense (16 is added to the first byte): the lowest bucket (16 bits), then the count of every bucket
from there up. Dense ones add up ten times faster, and are used unless they are much larger.
"""

from __future__ import annotations

import struct
import sys
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

from monitor.domain.detection.ddsketch import bucket_of

HOUR = 3600
DAY = 86_400
_SIZE_MAX = 1e270  # its bucket still fits into 16 bits; what is beyond shares it
_LETTERS = {1: "B", 2: "H", 4: "I", 8: "Q"}  # of struct, by the width of a count
_DENSE = 16
_DENSE_RATIO = 1.5
_ONE = struct.Struct("<BhB")
_IS_LITTLE = sys.byteorder == "little"
_REPACK = 8  # so many new buckets after which another form may have become smaller


def bucket(value: float) -> int:
    """The bucket of a finite reading, as it is packed."""
    return bucket_of(max(-_SIZE_MAX, min(_SIZE_MAX, value)))


def one(value: float) -> bytes:
    """The packed histogram of a single reading."""
    return _ONE.pack(1, bucket(value), 1)


def pack(buckets: Mapping[int, int]) -> bytes:
    """Buckets and their counts as bytes."""
    keys = sorted(buckets)
    most = max(buckets.values(), default=0)
    width = next(width for width in _LETTERS if most < 1 << (8 * width))
    span = keys[-1] - keys[0] + 1 if keys else 0
    if keys and width < 8 and span * width <= _DENSE_RATIO * len(keys) * (2 + width):
        counts = [buckets.get(key, 0) for key in range(keys[0], keys[0] + span)]
        return struct.pack(f"<Bh{span}{_LETTERS[width]}", _DENSE + width, keys[0], *counts)
    counts = [buckets[key] for key in keys]
    return struct.pack(f"<B{len(keys)}h{len(keys)}{_LETTERS[width]}", width, *keys, *counts)


def unpack(packed: bytes) -> dict[int, int]:
    """The buckets and their counts behind the bytes."""
    buckets: dict[int, int] = {}
    merge_all(buckets, (packed,))
    return buckets


def merge(packed: bytes, other: bytes) -> bytes:
    """Two packed histograms as one; SQLite calls it as merge_buckets()."""
    if len(other) == _ONE.size and _IS_LITTLE:
        _, key, count = _ONE.unpack(other)
        grown = (_grown_dense if packed[0] & _DENSE else _grown_sparse)(packed, key, count)
        if grown is not None:
            return grown
    buckets: dict[int, int] = {}
    merge_all(buckets, (packed, other))
    return pack(buckets)


def merge_all(buckets: dict[int, int], packed: Iterable[bytes]) -> None:
    """Add packed histograms to buckets."""
    known = buckets.get
    dense = []
    for each in packed:
        if each[0] & _DENSE:
            dense.append(each)
            continue
        for key, count in zip(*_sparse(each), strict=True):
            buckets[key] = known(key, 0) + count
    if dense:
        _add_dense(buckets, dense)


def _sparse(packed: bytes) -> tuple[Sequence[int], Sequence[int]]:
    width = packed[0]
    size = (len(packed) - 1) // (2 + width)
    numbers = struct.unpack(f"<{size}h{size}{_LETTERS[width]}", packed[1:])
    return numbers[:size], numbers[size:]


def _add_dense(buckets: dict[int, int], dense: Sequence[bytes]) -> None:
    """Each histogram is one large number with 32 bits for each bucket, and so is their sum."""
    lows = [_lowest(each) for each in dense]
    low = min(lows)
    total = sum(_lanes(each) << 32 * (mine - low) for mine, each in zip(lows, dense, strict=True))
    size = -(-total.bit_length() // 32)
    counts = struct.unpack(f"<{size}I", total.to_bytes(4 * size, "little"))
    known = buckets.get
    for key, count in enumerate(counts, low):
        if count:
            buckets[key] = known(key, 0) + count


def _lowest(dense: bytes) -> int:
    return int.from_bytes(dense[1:3], "little", signed=True)


def _lanes(dense: bytes) -> int:
    width = dense[0] - _DENSE
    spread = bytearray(4 * (len(dense) - 3) // width)
    for place in range(width):
        spread[place::4] = dense[3 + place :: width]
    return int.from_bytes(spread, "little")


def _grown_dense(packed: bytes, key: int, count: int) -> bytes | None:
    """The histogram with a larger bucket; None if that is out of its range or full."""
    width = packed[0] - _DENSE
    at = 3 + (key - _lowest(packed)) * width
    return _raised(packed, at, width, count) if 3 <= at < len(packed) else None


def _grown_sparse(packed: bytes, key: int, count: int) -> bytes | None:
    """The histogram with one bucket more or larger; None if that is full or due to be repacked."""
    width = packed[0]
    split = 1 + (len(packed) - 1) // (2 + width) * 2
    keys = memoryview(packed)[1:split].cast("h")
    place = bisect_left(keys, key)
    at = split + place * width
    if place < len(keys) and keys[place] == key:
        return _raised(packed, at, width, count)
    if (len(keys) + 1) % _REPACK == 0:
        return None
    at_key, number = 1 + 2 * place, key.to_bytes(2, "little", signed=True)
    added = count.to_bytes(width, "little")
    return b"".join((packed[:at_key], number, packed[at_key:at], added, packed[at:]))


def _raised(packed: bytes, at: int, width: int, count: int) -> bytes | None:
    total = int.from_bytes(packed[at : at + width], "little") + count
    if total >> (8 * width):
        return None
    return b"".join((packed[:at], total.to_bytes(width, "little"), packed[at + width :]))
