"""One block of recordings through one pipeline into the block's partitions; what every engine runs."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audio_emotion import __version__
from audio_emotion.pipeline.batching_audio_emotion import BUCKET_BATCHES, SILENCE_LOG_WEIGHT
from audio_emotion.pipeline.errors_audio_emotion import AudioDecodingError, AudioEmotionError
from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
from audio_emotion.pipeline.scores_audio_emotion import ScoredRecording, make_score_rule
from audio_emotion.registration import bundled_checkpoint
from audio_emotion.scoring.plan import Block
from audio_emotion.scoring.reading import Clip, Decoded, decode_ahead, decode_clip, iter_clips
from audio_emotion.scoring.store import Finished, Store
from audio_emotion.scoring.tables import Rows, chunk_schema, clip_schema, error_schema, score_columns, to_parquet

BUCKET_S = 600.0
"""Recordings are gathered and sorted by length up to so many seconds at a time (38 MB of samples)."""
LEVEL_FIELDS = ("level_normalization", "level_target", "level_floor")
"""What of the feature extractor the model's config does not decide."""


@dataclass(frozen=True)
class ScoringOptions:
    """What decides the rows of a run, together with the model and the inputs.

    Attributes:
        model: Model folder or Hub repository; None is the bundled checkpoint.
        labels: Only these, renormalised; None is all.
        prior: As the pipeline's option.
        chunks: Whether the chunk table is written.
        window_s: Length of a chunk; None cuts where the emotion changes.
        max_duration_s: A longer recording goes to the error table.
    """

    model: str | None = None
    labels: tuple[str, ...] | None = None
    prior: str | Mapping[str, float] = "train"
    chunks: bool = False
    window_s: float | None = None
    max_duration_s: float = 24 * 3600.0

    def fingerprint(self) -> dict[str, Any]:
        """The options as plain values, the model aside, which counts by its weights."""
        return {
            "labels": None if self.labels is None else list(self.labels),
            "prior": self.prior if isinstance(self.prior, str) else dict(self.prior),
            "chunks": self.chunks,
            "window_s": self.window_s,
            "max_duration_s": self.max_duration_s,
        }


class BlockScorer:
    """Scores blocks one after the other with one pipeline.

    Args:
        options: What to score with.
        batch_size: Windows per forward pass; changes no score.
        num_readers: Threads that fetch and decode ahead of the model.
        device: Where the model runs; None takes an accelerator where there is one.

    Raises:
        AudioEmotionError: If there is no such model, or an option does not fit it.
    """

    def __init__(
        self, options: ScoringOptions, batch_size: int = 16, num_readers: int = 2, device: str | None = None
    ) -> None:
        self.options = options
        self.batch_size = batch_size
        self.num_readers = num_readers
        self.pipe = load_pipeline(options, device)
        config: Any = self.pipe.model.config
        self.rule = make_score_rule(config, options.labels, options.prior)
        self.is_distribution = config.problem == "distribution"
        self.sampling_rate = int(self.pipe.feature_extractor.sampling_rate)
        self.window_samples = int(config.window_samples)
        self.metadata = {
            "model": options.model or "bundled",
            "model_sha256": hash_of_model(self.pipe),
            "version": __version__,
            "options": options.fingerprint(),
        }
        # What it says of silence stands in the column `warning`.
        logging.getLogger("audio_emotion.pipeline.batching_audio_emotion").setLevel(logging.ERROR)

    def score_block(self, block: Block, store: Store, on_clips: Callable[[int], None] | None = None) -> Finished:
        """Score a block, write its partitions, and enter it in the manifest.

        Args:
            block: What to score.
            store: Where to.
            on_clips: Called with the number of recordings just done with.

        Returns:
            The manifest's entry.

        Raises:
            OSError: If a partition cannot be written.
        """
        rows = self._rows_of(block, on_clips or (lambda _: None))
        tables = {"clips": (rows.clips, clip_schema(self.rule.labels))}
        if self.options.chunks:
            tables["chunks"] = (rows.chunks, chunk_schema(self.rule.labels))
        if rows.errors:
            tables["errors"] = (rows.errors, error_schema())
        files = {}
        for table, (table_rows, schema) in tables.items():
            content = to_parquet(table_rows, schema, self.metadata)
            name = f"{table}/{block.name}.parquet"
            store.write(name, content)
            files[name] = len(content)
        finished = Finished(
            name=block.name,
            num_clips=len(rows.clips),
            num_errors=len(rows.errors),
            duration_s=sum(row["duration_s"] for row in rows.clips),
            first_error=_describe(rows.errors[0]) if rows.errors else "",
            files=files,
        )
        store.finish(finished)
        return finished

    def _rows_of(self, block: Block, on_clips: Callable[[int], None]) -> Rows:
        """The rows of a block, in its order, whatever order the model took them in."""

        def decode(clip: Clip) -> Decoded:
            return decode_clip(clip, self.sampling_rate, self.window_samples)

        rows = Rows()
        for bucket in self._buckets(decode_ahead(iter_clips(block), decode, self.num_readers)):
            short = [decoded for decoded in bucket if decoded.samples is not None]
            arrays = [{"array": decoded.samples, "sampling_rate": self.sampling_rate} for decoded in short]
            scored = self.pipe.score_recordings(arrays, self.batch_size)
            for decoded in bucket:
                if decoded.samples is not None:
                    self._add_answer(rows, decoded.clip, next(scored))
                elif decoded.error is not None:
                    self._add_error(rows, decoded.clip, decoded.error)
                else:
                    self._add_long(rows, decoded)
            on_clips(len(bucket))
        return rows

    def _buckets(self, stream: Iterator[Decoded]) -> Iterator[list[Decoded]]:
        """Gather recordings until they fill a few batches or `BUCKET_S`; a long one ends its bucket."""
        bucket: list[Decoded] = []
        num_samples = 0
        for decoded in stream:
            bucket.append(decoded)
            num_samples += 0 if decoded.samples is None else len(decoded.samples)
            is_full = len(bucket) >= self.batch_size * BUCKET_BATCHES or num_samples >= BUCKET_S * self.sampling_rate
            if is_full or decoded.source is not None:
                yield bucket
                bucket, num_samples = [], 0
        if bucket:
            yield bucket

    def _add_long(self, rows: Rows, decoded: Decoded) -> None:
        """Hear a long recording window by window; what goes wrong on the way is its error."""
        heard_s = 0.0

        def check_length(seconds: float) -> None:
            nonlocal heard_s
            heard_s += seconds
            if heard_s > self.options.max_duration_s:
                raise AudioDecodingError(
                    f"{decoded.clip.id} is longer than {self.options.max_duration_s:g} s. Cut it, or raise "
                    "--max-duration."
                )

        try:
            recording = self.pipe.score_recording(decoded.source, self.batch_size, check_length)
        except (AudioEmotionError, OSError, MemoryError) as error:
            self._add_error(rows, decoded.clip, error)
        else:
            self._add_answer(rows, decoded.clip, recording)

    def _add_answer(self, rows: Rows, clip: Clip, recording: ScoredRecording) -> None:
        duration_s = recording.num_samples / recording.sampling_rate
        if duration_s > self.options.max_duration_s:
            limit_s = self.options.max_duration_s
            self._add_error(
                rows, clip, AudioDecodingError(f"{clip.id} lasts {duration_s:.1f} s, more than {limit_s:g} s.")
            )
            return
        where = {"id": clip.id, "path": clip.path, "row": clip.row}
        scores = dict(zip(self.rule.labels, self.rule.scores(recording.logits).tolist(), strict=True))
        warning = self._warning(recording)
        rows.clips.append({**where, "duration_s": duration_s, **score_columns(scores), "warning": warning})
        if self.options.chunks:
            answer = self.pipe.postprocess(
                recording,
                return_timestamps=True if self.options.window_s is None else self.options.window_s,
                labels=self.options.labels,
                prior=self.options.prior,
            )
            for chunk in answer["chunks"]:
                start_s, end_s = chunk["timestamp"]
                rows.chunks.append({**where, "start_s": start_s, "end_s": end_s, **score_columns(chunk["scores"])})

    def _warning(self, recording: ScoredRecording) -> str | None:
        if not self.is_distribution:
            return None
        silent = int((recording.frame_log_weights <= SILENCE_LOG_WEIGHT).sum())
        if silent == len(recording.frame_log_weights):
            return "silent: the scores are the prior"
        silent_s = silent * recording.frame_samples / recording.sampling_rate
        return f"{silent_s:.1f} s are silent and do not count" if silent else None

    @staticmethod
    def _add_error(rows: Rows, clip: Clip, error: Exception) -> None:
        where = {"id": clip.id, "path": clip.path, "row": clip.row}
        rows.errors.append({**where, "error": type(error).__name__, "message": str(error) or repr(error)})


def _describe(error: Mapping[str, Any]) -> str:
    """A row of the error table in one line; most messages name their recording."""
    message = str(error["message"])
    return message if error["id"] in message else f"{error['id']}: {message}"


def load_pipeline(options: ScoringOptions, device: str | None = None) -> AudioEmotionPipeline:
    """The pipeline of a run, with the options checked against the model.

    Raises:
        AudioEmotionError: If there is no such model, or an option does not fit it.
    """
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    model = bundled_checkpoint() if options.model is None else options.model
    timestamps: dict[str, Any] = {} if options.window_s is None else {"return_timestamps": options.window_s}
    labels = None if options.labels is None else list(options.labels)
    return AudioEmotionPipeline.from_pretrained(model, device=device, labels=labels, prior=options.prior, **timestamps)


def hash_of_model(pipe: AudioEmotionPipeline) -> str:
    """SHA-256 of a model's answers-to-be: its weights, as float32 or as a graph, and what else shapes scores."""
    model: Any = pipe.model
    config, extractor = model.config, pipe.feature_extractor
    shaping = {"labels": config.id2label, "problem": config.problem, "temperature": config.temperature}
    shaping |= {"prior": config.class_prior} | {name: getattr(extractor, name) for name in LEVEL_FIELDS}
    digest = hashlib.sha256(json.dumps(shaping, sort_keys=True).encode())
    if model.backend == "onnx":
        for path in model.files:
            digest.update(path.read_bytes())
        return digest.hexdigest()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy().data)
    return digest.hexdigest()
