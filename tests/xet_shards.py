"""Reads the shard files that the client's xet library writes: which xet hash belongs to a sha256.

Layout (xet-core, `mdb_shard`): a 48-byte header, then one record per file: a 48-byte header (hash, flags, number of
segments), the segments of 48 bytes each, as many verification entries when flag bit 31 is set, and 48 bytes with the
sha256 when bit 30 is set. A header whose hash is all ones ends the list.
"""

import struct
from pathlib import Path

RECORD_SIZE = 48
WITH_VERIFICATION, WITH_SHA256 = 1 << 31, 1 << 30


def xet_hash(folder: Path, sha256: str) -> str | None:
    """The xet hash of the file with this sha256 in the shards below `folder`; None when no shard knows it."""
    for shard in folder.rglob("*.mdb"):
        content = shard.read_bytes()
        offset = RECORD_SIZE
        while content[offset : offset + 32] != b"\xff" * 32:
            file_hash = content[offset : offset + 32]
            flags, num_segments = struct.unpack_from("<II", content, offset + 32)
            offset += RECORD_SIZE * (1 + num_segments * (2 if flags & WITH_VERIFICATION else 1))
            if flags & WITH_SHA256:
                if xet_hex(content[offset : offset + 32]) == sha256:
                    return xet_hex(file_hash)
                offset += RECORD_SIZE
    return None


def xet_hex(digest: bytes) -> str:
    """A 32-byte hash as xet prints it: four little-endian 64-bit words."""
    return "".join(f"{word:016x}" for word in struct.unpack("<4Q", digest))
