"""A deterministic set of recordings with known emotion shifts, joined from a prepared corpus, to measure EDER on.

Clips of one speaker are trimmed, matched in loudness and put end to end, each fading in and out over 10 ms: every
boundary is an exact sample. Neighbours differ in emotion. Nothing is random but what the seed decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from audio_emotion.dataset_scripts.card import CARD_NAME, check_card
from audio_emotion.dataset_scripts.encoding import encode_samples
from audio_emotion.dataset_scripts.manifest import write_atomically, written_beside
from audio_emotion.dataset_scripts.schema import EMOTIONS, SAMPLING_RATE, corpus_features
from audio_emotion.pipeline.errors_audio_emotion import CorpusError
from audio_emotion.training.augmentation import active_range, match_level
from audio_emotion.training.data import read_split
from audio_emotion.training.recipe import CorpusRecipe

SEGMENT_COLUMN = "segments"
_NOTE = "Recordings with known emotion shifts (`audio-emotion corpora shifts`).\n"
_FADE_SAMPLES = SAMPLING_RATE // 100
_COLUMNS = ("id", "speaker", "language", "emotion", "distribution", "label_mask", "license")


@dataclass(frozen=True)
class ShiftSetRecipe:
    """What a set holds.

    Attributes:
        num_recordings: how many.
        min_segments: fewest clips in one.
        max_segments: most clips in one.
        seed: decides all draws.
    """

    num_recordings: int = 200
    min_segments: int = 2
    max_segments: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.num_recordings < 1 or not 1 <= self.min_segments <= self.max_segments:
            raise CorpusError(
                f"a shift set needs at least one recording and 1 <= min_segments <= max_segments, got {self}"
            )


def write_shift_set(
    folder: str | Path,
    corpus: str,
    split: str,
    out: Path,
    recipe: ShiftSetRecipe,
    on_recording: Callable[[], None] = lambda: None,
) -> str:
    """Write `OUT/<corpus>_shifts`: unified rows with a column `segments` of `{start_s, end_s, emotion}`.

    Args:
        folder: prepared corpora.
        corpus: one of them.
        split: whose clips are joined.
        out: folder of the set; it may hold others.
        recipe: how many recordings, and of how many clips.
        on_recording: called after each recording.

    Returns:
        The name of the set, for `load_dataset(out, name)`.

    Raises:
        CorpusError: if `out` holds something else, or no speaker of the split has two emotions.
        RecipeError: if the corpus cannot be read.
    """
    from datasets import Dataset, Features, List, Value

    check_card(out, _NOTE, "corpora shifts")
    clips = read_split(CorpusRecipe(path=str(folder), name=corpus), split, _COLUMNS)
    if clips is None:
        raise CorpusError(f"{folder}: corpus {corpus} has no {split} split")
    name = f"{corpus}_shifts"
    segments = List({"start_s": Value("float64"), "end_s": Value("float64"), "emotion": Value("string")})
    rows = []
    for number, chosen in enumerate(_choose(clips, recipe, f"{folder}: {corpus}, {split}")):
        rows.append(_join([clips[index] for index in chosen], name, number, split))
        on_recording()
    features = Features(corpus_features() | {SEGMENT_COLUMN: segments})
    target = out / name / f"{split}-00000-of-00001.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    with written_beside(target) as partial:
        Dataset.from_list(rows, features=features).to_parquet(partial)
    _list_in_card(out / CARD_NAME, name, split, f"{name}/{target.name}")
    return name


def _choose(clips: Any, recipe: ShiftSetRecipe, where: str) -> Iterator[list[int]]:
    """Clip numbers of each recording: one speaker, changing emotions, every clip once before any comes twice."""
    rng = np.random.default_rng(recipe.seed)
    by_speaker: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, (speaker, emotion) in enumerate(zip(clips["speaker"], clips["emotion"], strict=True)):
        if speaker is not None and emotion is not None and emotion != "other":
            by_speaker[speaker][emotion].append(number)
    speakers = [speaker for speaker in sorted(by_speaker) if len(by_speaker[speaker]) > 1]
    if not speakers:
        raise CorpusError(f"{where}: no speaker is known by name and has clips of two emotions; nothing can be joined")
    unused: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number in range(recipe.num_recordings):
        speaker = speakers[number % len(speakers)]
        emotions = sorted(by_speaker[speaker])
        chosen: list[int] = []
        last = None
        for _ in range(int(rng.integers(recipe.min_segments, recipe.max_segments + 1))):
            last = str(rng.choice([emotion for emotion in emotions if emotion != last]))
            if not unused[speaker, last]:
                unused[speaker, last] = rng.permutation(by_speaker[speaker][last]).tolist()
            chosen.append(unused[speaker, last].pop())
        yield chosen


def _join(clips: list[dict[str, Any]], name: str, number: int, split: str) -> dict[str, Any]:
    from audio_emotion.pipeline.decoding_audio_emotion import decode_audio

    parts = [_trimmed(decode_audio(clip["audio"], SAMPLING_RATE)) for clip in clips]
    bounds = np.cumsum([0, *map(len, parts)]) / SAMPLING_RATE
    encoded = encode_samples(np.concatenate(parts))
    label_mask = np.logical_and.reduce([clip["label_mask"] for clip in clips])
    distribution = np.average([clip["distribution"] for clip in clips], axis=0, weights=list(map(len, parts)))
    first = clips[0]
    return dict.fromkeys(corpus_features()) | {
        "audio": {"bytes": encoded.flac, "path": f"{number:05d}.flac"},
        "corpus": name,
        "id": f"{number:05d}_" + "_".join(clip["id"] for clip in clips),
        "speaker": first["speaker"],
        "language": first["language"],
        "emotion": EMOTIONS[int(distribution.argmax())],
        "distribution": distribution.tolist(),
        "label_mask": label_mask.tolist(),
        "label_source": "smoothed",
        "duration_s": encoded.num_samples / SAMPLING_RATE,
        "split": split,
        "license": first["license"],
        SEGMENT_COLUMN: [
            {"start_s": float(start), "end_s": float(end), "emotion": clip["emotion"]}
            for clip, start, end in zip(clips, bounds, bounds[1:], strict=False)
        ],
    }


def _trimmed(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    start, end = active_range(samples, SAMPLING_RATE)
    part = match_level(samples[start:end]).copy()
    fade = np.linspace(0, 1, min(_FADE_SAMPLES, len(part) // 2), dtype=np.float32)
    part[: len(fade)] *= fade
    part[len(part) - len(fade) :] *= fade[::-1]
    return part


def _listed(card: Path) -> dict[str, dict[str, str]]:
    """The file of each split of each set in a folder's card; none where there is no card yet."""
    if not card.exists():
        return {}
    return {
        config["config_name"]: {part["split"]: part["path"] for part in config["data_files"]}
        for config in yaml.safe_load(card.read_text(encoding="utf-8").split("---\n")[1])["configs"]
    }


def _list_in_card(card: Path, name: str, split: str, path: str) -> None:
    """Add a split of a set to the YAML configs of the folder's card, so that `load_dataset(folder, name)` finds it."""
    sets = _listed(card)
    sets[name] = {**sets.get(name, {}), split: path}
    configs = [
        {"config_name": name, "data_files": [{"split": split, "path": path} for split, path in sorted(files.items())]}
        for name, files in sorted(sets.items())
    ]
    write_atomically(card, f"---\n{yaml.safe_dump({'configs': configs}, sort_keys=False)}---\n\n{_NOTE}")
