"""The dataset card of a folder of prepared corpora: YAML that `load_dataset` reads, and tables that people read."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock

from audio_emotion.dataset_scripts.manifest import MANIFEST_NAME, Manifest, Summary, write_atomically
from audio_emotion.dataset_scripts.schema import EMOTIONS, corpus_features
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

CARD_NAME = "README.md"

_WRITER = "Prepared with `audio-emotion corpora prepare`"
_INTRODUCTION = """\
# Speech emotion corpora in one schema

{writer}: every clip is 16 kHz mono FLAC inside Parquet, every label a probability
vector over 8 emotions.

```python
from datasets import Audio, load_dataset

dataset = load_dataset("{path}", "{config}", split="{split}").cast_column("audio", Audio(decode=False))
```

`distribution` and `label_mask` are in the order {emotions}. `label_mask` marks the classes that the corpus can express
at all: leave the others out of the softmax, for a corpus without "surprise" does not say "not surprise". `emotion` is
the most likely class, null in a tie. `label_source` says how a row's distribution arose:

- `votes`: shares of listener votes
- `intensity`: mass moves to neutral as the acted or rated intensity falls
- `recognition_rate`: share of listeners who heard the intended emotion
- `smoothed`: a hard label, 5 % of its mass spread over the other classes of the mask
- `none`: no categories; the distribution is zero and the mask empty

No speaker is in two splits, except where a corpus's section says so; an unknown speaker is null.
"""


def check_card(out: Path, mark: str = _WRITER, command: str = "corpora prepare") -> None:
    """Make sure that `OUT/README.md` may be written.

    Args:
        out: The folder.
        mark: Text that every card written by `command` has.
        command: What is to write the card.

    Raises:
        CorpusError: If there is a card that `command` did not write.
    """
    card = out / CARD_NAME
    if card.exists() and mark not in card.read_text(encoding="utf-8", errors="replace"):
        raise CorpusError(
            f"{card} was not written by `{command}` and would be overwritten: choose another --out, a folder that "
            "holds nothing else"
        )


def write_card(out: Path) -> None:
    """Write `OUT/README.md` from the manifests of the complete corpora in `out`."""
    with FileLock(out / ".card.lock"):
        manifests = [Manifest.load(path.parent) for path in sorted(out.glob(f"*/{MANIFEST_NAME}"))]
        complete = [manifest for manifest in manifests if manifest is not None and manifest.complete]
        write_atomically(out / CARD_NAME, render_card(complete))


def render_card(manifests: list[Manifest], path: str = "path/to/this/folder") -> str:
    """Text of the dataset card: YAML header, introduction, one section a corpus.

    Args:
        manifests: The corpora, at least one.
        path: What its example hands to `load_dataset`.
    """
    first = manifests[0]
    introduction = _INTRODUCTION.format(
        writer=_WRITER,
        path=path,
        config=first.info.name,
        split=next(split for split, _ in first.splits()),
        emotions=", ".join(f"`{emotion}`" for emotion in EMOTIONS),
    )
    overview = _table(
        ("corpus", "languages", "clips", "hours", "speakers", "licence", "may be redistributed"),
        [
            (
                f"[{manifest.info.name}](#{manifest.info.name})",
                ", ".join(manifest.info.languages),
                manifest.total().num_clips,
                f"{manifest.total().duration_s / 3600:.2f}",
                len(manifest.total().speakers) or "unknown",
                manifest.info.license,
                "yes" if manifest.info.redistribution else "no",
            )
            for manifest in manifests
        ],
    )
    sections = "\n".join(_section(manifest) for manifest in manifests)
    return f"---\n{_metadata(manifests)}---\n\n{introduction}\n{overview}\n{sections}"


def _metadata(manifests: list[Manifest]) -> str:
    from datasets import DatasetInfo, SplitDict, SplitInfo
    from datasets.info import DatasetInfosDict
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCardData

    licenses = sorted({manifest.info.license for manifest in manifests})
    card = DatasetCardData(
        pretty_name="Speech emotion corpora in one schema",
        language=sorted({language for manifest in manifests for language in manifest.info.languages}),
        license=licenses[0] if len(licenses) == 1 else "other",
        task_categories=["audio-classification"],
        tags=["speech-emotion-recognition", "soft-labels", "audio"],
    )
    features = corpus_features()
    infos, configs = {}, {}
    for manifest in manifests:
        name = manifest.info.name
        splits = SplitDict()
        for split, summary in manifest.splits():
            splits.add(SplitInfo(split, num_bytes=summary.num_bytes, num_examples=summary.num_clips))
        total = manifest.total().num_bytes
        infos[name] = DatasetInfo(
            features=features, splits=splits, download_size=total, dataset_size=total, config_name=name
        )
        configs[name] = {
            "data_files": [{"split": split, "path": f"{name}/{split}-*.parquet"} for split, _ in manifest.splits()]
        }
    DatasetInfosDict(infos).to_dataset_card_data(card)
    MetadataConfigs(configs).to_dataset_card_data(card)
    return card.to_yaml() + "\n"


def _section(manifest: Manifest) -> str:
    info, total = manifest.info, manifest.total()
    shared = len(manifest.speakers_in_several_splits())
    license_text = f"{info.license}. {info.license_note}" if info.license_note else info.license
    splits = _table(
        ("split", "clips", "hours", "speakers"),
        [
            (split, part.num_clips, f"{part.duration_s / 3600:.2f}", len(part.speakers))
            for split, part in manifest.splits()
        ],
    )
    labels = _table(
        ("corpus's label", "emotion", "clips"),
        [(word or "(none)", manifest.label_table.get(word, ""), count) for word, count in sorted(total.labels.items())],
    )
    return f"""
## {info.name}

{info.title}, {info.homepage}

- Licence: {license_text}{"" if info.redistribution else " The prepared clips must not be published."}
- Labels: {info.label_note} Rows by source: {_counts(total)}.
- Classes it can express: {", ".join(manifest.expressible) or "none"}
- Mean soft label: {_mean_label(total)}
- Splits: {info.split_note}{f" Speakers in several splits: {shared} of {len(total.speakers)}." if shared else ""}
- Clips left out for bad audio: {len(total.bad_audio)}

{splits}
{labels}
Cite:

```bibtex
{info.citation.strip()}
```
"""


def _counts(total: Summary) -> str:
    return ", ".join(f"{source} {count}" for source, count in sorted(total.label_sources.items()))


def _mean_label(total: Summary) -> str:
    means = [share / max(1, total.num_clips) for share in total.distribution_sum]
    return ", ".join(f"{emotion} {mean:.3f}" for emotion, mean in zip(EMOTIONS, means, strict=True) if mean)


def _table(header: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)
