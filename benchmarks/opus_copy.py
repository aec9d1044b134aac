"""A copy of prepared corpora whose clips have gone through Opus: what coding takes off a model.

The clips stay what they were but for their audio, so `audio-emotion evaluate` on the two tells the difference.

Usage: python -m benchmarks.opus_copy --data prepared --corpus emodb urdu --out prepared_opus [--compression-level 0.93]
"""

import io
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from audio_emotion.dataset_scripts.card import write_card
from audio_emotion.dataset_scripts.schema import SAMPLING_RATE
from audio_emotion.pipeline.decoding_audio_emotion import decode_audio
from benchmarks.measure import argument_parser, report


def opus_bytes(audio: dict[str, Any], compression_level: float) -> bytes:
    """The clip of an audio column's value, coded at libsndfile's level: 0 to 1, the largest being the smallest file."""
    coded = io.BytesIO()
    samples = decode_audio(audio, SAMPLING_RATE)
    soundfile.write(coded, samples, SAMPLING_RATE, format="OGG", subtype="OPUS", compression_level=compression_level)
    return coded.getvalue()


def copy_shard(shard: Path, copy: Path, compression_level: float) -> tuple[int, float]:
    """Writes one Parquet file anew, a row group at a time; answers the bytes of its clips and their seconds."""
    source = pq.ParquetFile(shard)
    field = source.schema_arrow.field("audio")
    num_bytes, duration_s = 0, 0.0
    with pq.ParquetWriter(copy, source.schema_arrow) as writer:
        for index in range(source.num_row_groups):
            rows = source.read_row_group(index)
            coded = [{**audio, "bytes": opus_bytes(audio, compression_level)} for audio in rows["audio"].to_pylist()]
            column = rows.schema.get_field_index("audio")
            writer.write_table(rows.set_column(column, field, pa.array(coded, type=field.type)))
            num_bytes += sum(len(audio["bytes"]) for audio in coded)
            duration_s += sum(rows["duration_s"].to_pylist())
    return num_bytes, duration_s


def main() -> None:
    """Copies corpora as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="prepared corpora")
    parser.add_argument("--corpus", nargs="+", required=True, help="which of them")
    parser.add_argument("--out", type=Path, required=True, help="a folder that does not hold them yet")
    parser.add_argument("--compression-level", type=float, default=0.93, help="libsndfile's; default: %(default)s")
    args = parser.parse_args()
    rates = {}
    for name in args.corpus:
        copy = args.out / name
        copy.mkdir(parents=True)
        shutil.copy(args.data / name / "manifest.json", copy)
        sizes = [
            copy_shard(shard, copy / shard.name, args.compression_level)
            for shard in sorted((args.data / name).glob("*.parquet"))
        ]
        rates[name] = 8 * sum(size for size, _ in sizes) / sum(seconds for _, seconds in sizes) / 1000
        print(f"{copy}: {rates[name]:.1f} kbit/s")
    write_card(args.out)
    report({"kbit_per_s": rates}, args.json)


if __name__ == "__main__":
    main()
