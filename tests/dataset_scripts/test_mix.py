"""What a mix is made of, against sums over its rows."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from audio_emotion.cli import app
from audio_emotion.dataset_scripts.mix import describe_mix
from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import CorpusError


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two corpora of two clips each: one with categories, one without."""
    from datasets import Dataset

    from audio_emotion.dataset_scripts.schema import COLUMNS, corpus_features

    folder = tmp_path_factory.mktemp("mix")
    sad, angry = ([float(name == emotion) for name in EMOTIONS] for emotion in ("sadness", "anger"))
    nothing = [0.0] * len(EMOTIONS)
    clips = {
        "alpha": [("s1", "de", 1800.0, sad, "train"), ("s2", "de", 1800.0, angry, "test")],
        "beta": [(None, "en", 3600.0, nothing, "train"), ("s1", "en", 3600.0, nothing, "train")],
    }
    configs = []
    for name, members in clips.items():
        rows = [
            dict.fromkeys(COLUMNS)
            | {
                "audio": {"bytes": b"fLaC", "path": "a.flac"},
                "corpus": name,
                "speaker": speaker,
                "language": language,
                "duration_s": duration_s,
                "distribution": distribution,
                "label_mask": [bool(sum(distribution))] * len(EMOTIONS),
                "split": split,
            }
            for speaker, language, duration_s, distribution, split in members
        ]
        for split in sorted({row["split"] for row in rows}):
            part = [row for row in rows if row["split"] == split]
            Dataset.from_list(part, features=corpus_features()).to_parquet(folder / f"{name}-{split}.parquet")
            configs.append((name, split))
    names = sorted({name for name, _ in configs})
    card = "".join(
        f"- config_name: {name}\n  data_files:\n"
        + "".join(f"  - split: {split}\n    path: {name}-{split}.parquet\n" for key, split in configs if key == name)
        for name in names
    )
    (folder / "README.md").write_text(f"---\nconfigs:\n{card}---\n")
    return folder


def test_parts_and_their_sum(prepared: Path) -> None:
    alpha, beta, mix = describe_mix(prepared)
    assert (alpha.num_clips, alpha.hours, alpha.num_speakers, alpha.languages) == (2, 1.0, 2, ("de",))
    assert (beta.num_clips, beta.num_labelled, beta.num_speakers) == (2, 0, 1)
    assert (mix.num_clips, mix.num_labelled, mix.hours, mix.languages) == (4, 2, 3.0, ("de", "en"))
    shares = dict(zip(EMOTIONS, mix.mean_label, strict=True))
    assert shares["sadness"] == shares["anger"] == 0.5


def test_a_split_and_a_choice_of_corpora(prepared: Path) -> None:
    assert [part.num_clips for part in describe_mix(prepared, ["alpha"], "train")] == [1, 1]
    with pytest.raises(CorpusError, match="no clip"):
        describe_mix(prepared, ["beta"], "test")
    with pytest.raises(CorpusError, match="gamma"):
        describe_mix(prepared, ["gamma"])


def test_the_command_shows_the_published_prior(prepared: Path) -> None:
    result = CliRunner().invoke(app, ["corpora", "mix", str(prepared)], env={"COLUMNS": "160"})
    assert result.exit_code == 0, result.output
    assert "published prior" in result.output and "0.389" in result.output
    assert CliRunner().invoke(app, ["corpora", "mix", str(prepared / "nowhere")]).exit_code == 1
