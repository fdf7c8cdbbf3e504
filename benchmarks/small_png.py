"""PNG pictures made small: rows cut out of a screenshot, drawn with at most 256 colours."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {2: 3, 6: 4}
_COLOURS_MAX = 256
Colour = tuple[int, int, int]


def cut_out(png: bytes, heights: Sequence[int]) -> Iterator[bytes]:
    """Pictures of so many rows each, from the top of an 8-bit RGB or RGBA one."""
    width, channels, rows = _read(png)
    at = 0
    for height in heights:
        yield _small(rows[at : at + height], width, channels)
        at += height


def _read(png: bytes) -> tuple[int, int, list[bytes]]:
    at, data, head = len(_SIGNATURE), b"", b""
    while at < len(png):
        (size,), kind = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        body = png[at + 8 : at + 8 + size]
        head = body if kind == b"IHDR" else head
        data += body if kind == b"IDAT" else b""
        at += size + 12
    width, height = struct.unpack(">II", head[:8])
    channels = _CHANNELS[head[9]]
    return width, channels, _rows(zlib.decompress(data), width * channels, height, channels)


def _rows(data: bytes, length: int, height: int, step: int) -> list[bytes]:
    rows, above = [], bytearray(length)
    for number in range(height):
        start = number * (length + 1)
        line = bytearray(data[start + 1 : start + 1 + length])
        _unfilter(data[start], line, above, step)
        rows.append(bytes(line))
        above = line
    return rows


def _unfilter(kind: int, line: bytearray, above: bytearray, step: int) -> None:
    """Undo a row's filter in place: none, left, above, their mean, or Paeth's choice."""
    for i in range(len(line) if kind else 0):
        left, corner = (line[i - step], above[i - step]) if i >= step else (0, 0)
        guess = (0, left, above[i], (left + above[i]) // 2, _paeth(left, above[i], corner))[kind]
        line[i] = (line[i] + guess) & 255


def _paeth(left: int, above: int, corner: int) -> int:
    near = left + above - corner
    return min((left, above, corner), key=lambda value: abs(near - value))


def _small(rows: Sequence[bytes], width: int, channels: int) -> bytes:
    pixels = [list(zip(*(row[c::channels] for c in range(3)), strict=True)) for row in rows]
    coarse = {colour: _coarse(colour) for row in pixels for colour in set(row)}
    counted = Counter(coarse[colour] for row in pixels for colour in row)
    palette = [colour for colour, _ in counted.most_common(_COLOURS_MAX)]
    index = {colour: _nearest(found, palette) for colour, found in coarse.items()}
    data = b"".join(b"\0" + bytes(index[colour] for colour in row) for row in pixels)
    head = struct.pack(">IIBBBBB", width, len(rows), 8, 3, 0, 0, 0)
    colours = bytes(value for colour in palette for value in colour)
    parts = ((b"IHDR", head), (b"PLTE", colours), (b"IDAT", zlib.compress(data, 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in parts)


def _coarse(colour: Colour) -> Colour:
    red, green, blue = (round(value / 17) * 17 for value in colour)
    return red, green, blue


def _nearest(colour: Colour, palette: Sequence[Colour]) -> int:
    return min(
        range(len(palette)),
        key=lambda n: sum((a - b) ** 2 for a, b in zip(colour, palette[n], strict=True)),
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
