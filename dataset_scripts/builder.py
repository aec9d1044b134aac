"""The readers as a `datasets` builder: rows straight from a corpus's folder, streamed or cached, nothing prepared."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import datasets

from audio_emotion.dataset_scripts.encoding import BadAudio, encode_clip
from audio_emotion.dataset_scripts.reader import CorpusReader, get_reader, list_corpora
from audio_emotion.dataset_scripts.rows import make_row
from audio_emotion.dataset_scripts.schema import SPLITS, corpus_features, validate_row
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

logger = logging.getLogger(__name__)


CONFIGS = [datasets.BuilderConfig(name=name, version=datasets.Version("1.0.0")) for name in list_corpora()]


class CorpusBuilder(datasets.GeneratorBasedBuilder):  # type: ignore[misc]  # datasets has no types
    """One config a corpus; `data_dir` is the corpus's folder as its owner ships it.

    For a look at a corpus, or for labels tried and changed: `prepare` is the parallel, resumable way to keep the rows.
    `datasets` caches by config and `data_dir` and does not see a changed reader: stream while you change one.

    Example:
        `CorpusBuilder(config_name="ravdess", data_dir="corpora/ravdess").as_streaming_dataset(split="train")`
    """

    BUILDER_CONFIGS = CONFIGS

    def _info(self) -> datasets.DatasetInfo:
        info = get_reader(self.config.name).info
        return datasets.DatasetInfo(
            description=f"{info.title}. {info.label_note}",
            features=corpus_features(),
            homepage=info.homepage,
            license=info.license,
            citation=info.citation,
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        if self.config.data_dir is None:
            raise CorpusError(f"give the folder of {self.config.name} as data_dir; this corpus is not downloaded.")
        reader = get_reader(self.config.name)(self.config.data_dir)
        sizes = Counter(clip.split for clip in reader.clips())
        return [
            datasets.SplitGenerator(name=split, gen_kwargs={"reader": reader, "split": split})
            for split in SPLITS
            if sizes[split]
        ]

    def _generate_examples(self, reader: CorpusReader, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for clip in reader.clips():
            if clip.split != split:
                continue
            audio = encode_clip(clip.path)
            if isinstance(audio, BadAudio):
                logger.warning("%s is left out: %s", clip.relative_path, audio.reason)
                continue
            row = make_row(reader.info, clip, audio)
            validate_row(row)
            yield clip.id, row
