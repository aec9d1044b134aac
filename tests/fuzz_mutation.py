"""Broken input from whole input: a seeded mutator of bytes and of text, the same case for the same number."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable, Sequence

LIMITS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
NUMBERS = (b"0", b"-1", b"1e999", b"-1e999", b"nan", b"1000000", b"4294967296", b"0.5", b"9" * 400, b"1e-320")
PIECES = (
    *(b"", b"\n", b"\r", b"\t", b",", b'"', b"'", b":", b";", b"-", b"{", b"}", b"[", b"]", b"null", b"true", b'""'),
    *(b"[]", b"{}", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\x1b[2J", b"../../", b"/etc/passwd", b"<script>", b"=1+1"),
    *("é".encode(), "\u202e".encode(), b"[" * 5000, b"&a [*a]", b"!!python/object/apply:os.getcwd []"),
)
HEADER = 96
"""Bytes at the front in which every second place is chosen: lengths, rates and counts are there."""


def mutated(seeds: Sequence[bytes], name: str, number: int) -> bytes:
    """Case `number` of the door `name`: one of its seeds with one to four changes."""
    rng = random.Random(f"{name} {number}")
    content = rng.choice(seeds)
    for _ in range(rng.choice((1, 1, 2, 4))):
        content = rng.choice(CHANGES)(content, rng, seeds)
    return content


def _place(content: bytes, rng: random.Random) -> int:
    return rng.randrange(min(len(content), HEADER) + 1) if rng.random() < 0.5 else rng.randrange(len(content) + 1)


def _flip(content: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = _place(content, rng)
    return content[:at] + bytes([byte ^ 1 << rng.randrange(8) for byte in content[at : at + 1]]) + content[at + 1 :]


def _limit(content: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at, width = _place(content, rng), rng.choice(("B", "H", "I", "Q"))
    packed = struct.pack(rng.choice("<>") + width, rng.choice(LIMITS) & (256 ** struct.calcsize(width) - 1))
    return content[:at] + packed + content[at + len(packed) :]


def _cut(content: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = _place(content, rng)
    return content[:at] + content[at + rng.choice((1, 2, 8, 64, len(content))) :]


def _double(content: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = _place(content, rng)
    return content[:at] + content[at : at + rng.choice((1, 8, 256))] * rng.choice((2, 3, 50)) + content[at:]


def _insert(content: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = _place(content, rng)
    return content[:at] + rng.choice((rng.choice(PIECES), rng.randbytes(rng.randrange(9)))) + content[at:]


def _splice(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    other = rng.choice(seeds)
    return content[: _place(content, rng)] + other[_place(other, rng) :]


def _number(content: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    return _replaced(rb"-?\d+(\.\d+)?", content, rng, rng.choice(NUMBERS))


def _word(content: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    return _replaced(rb'"[^"\n]*"|[\w.-]+', content, rng, rng.choice((*NUMBERS, *PIECES)))


def _replaced(pattern: bytes, content: bytes, rng: random.Random, new: bytes) -> bytes:
    """One match of many, chosen among the first few hundred."""
    matches = [match.span() for match, _ in zip(re.finditer(pattern, content), range(300), strict=False)]
    if not matches:
        return content + new
    start, end = rng.choice(matches)
    return content[:start] + new + content[end:]


Change = Callable[[bytes, random.Random, Sequence[bytes]], bytes]
CHANGES: tuple[Change, ...] = (_flip, _limit, _cut, _double, _insert, _splice, _number, _word)
