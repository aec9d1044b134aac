"""The timeline picture holds what it was given; its colours are told apart."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from audio_emotion import AudioEmotionError, AudioEmotionPipeline
from audio_emotion.pipeline.colors_audio_emotion import COLORS, label_colors
from audio_emotion.pipeline.plot_audio_emotion import plot_timeline, waveform_peaks

LABELS = ["happiness", "sadness", "anger"]


def answer(num_frames: int = 100) -> dict[str, Any]:
    scores = np.random.default_rng(0).dirichlet(np.ones(3), num_frames).astype(np.float32)
    return {"labels": LABELS, "frames": scores, "frame_period_s": 0.02, "scores": []}


def colors_in(path: Path) -> set[tuple[int, int, int]]:
    colors = Image.open(path).convert("RGB").getcolors(maxcolors=1 << 24)
    return {color for _, color in colors}


def rgb(color: str) -> tuple[int, int, int]:
    return tuple(int(color[start : start + 2], 16) for start in (1, 3, 5))  # type: ignore[return-value]


def test_every_label_is_drawn_in_its_colour(tmp_path: Path) -> None:
    chunks = [{"timestamp": (0.0, 1.2), "label": "anger"}, {"timestamp": (1.2, 2.0), "label": "sadness"}]
    plot_timeline(answer(), chunks, np.array([[-0.5, 0.5]] * 50), 2.0, tmp_path / "a.png", title="a.wav")
    assert {rgb(COLORS[label]) for label in LABELS} <= colors_in(tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").width > 1000


def test_svg_holds_the_labels_as_the_format_of_the_suffix(tmp_path: Path) -> None:
    turns = [{"timestamp": (0.0, 1.0), "label": "anger", "speaker": name} for name in ("A", "B")]
    plot_timeline(answer(), turns, np.zeros((1, 2)), 2.0, tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text().lstrip().startswith("<?xml")


def test_intensities_are_lines(tmp_path: Path) -> None:
    frames = answer() | {"frames": np.full((100, 3), 0.9, np.float32)}
    plot_timeline(frames, [], np.zeros((1, 2)), 2.0, tmp_path / "a.png")
    assert (tmp_path / "a.png").is_file()


def test_one_frame(pipe: AudioEmotionPipeline, tmp_path: Path, speech: Any) -> None:
    frames = pipe(speech(0.025), return_timestamps="frame")
    plot_timeline(frames, [], waveform_peaks(speech(0.025)), 0.025, tmp_path / "a.png")
    assert (tmp_path / "a.png").is_file()


def test_an_unwritable_place_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AudioEmotionError, match="cannot be written"):
        plot_timeline(answer(), [], np.zeros((1, 2)), 2.0, tmp_path / "missing" / "a.png")
    with pytest.raises(AudioEmotionError, match=r"cannot be written.*not supported"):
        plot_timeline(answer(), [], np.zeros((1, 2)), 2.0, tmp_path / "a.docx")


def test_peaks_are_those_of_the_waveform(speech: Any) -> None:
    samples = speech(3.21)
    peaks = waveform_peaks(samples, num_columns=7)
    assert peaks.shape == (7, 2)
    assert peaks[:, 0].min() == samples.min()
    assert peaks[:, 1].max() == samples.max()
    assert waveform_peaks(samples[:50]).shape == (1, 2)


def test_colours_differ_also_in_lightness_or_hue_for_the_colour_blind() -> None:
    # Viénot, Brettel, Mollon (1999): what a deuteranope sees of linear RGB.
    deuteranope = np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]])
    seen = {label: deuteranope @ (np.array(rgb(color)) / 255) ** 2.2 for label, color in COLORS.items()}
    for one, other in itertools.combinations(seen, 2):
        assert np.abs(seen[one] - seen[other]).max() > 0.08, (one, other)


def test_other_labels_get_colours_too() -> None:
    colors = label_colors(["awe", "anger", "calm"])
    assert colors["anger"] == COLORS["anger"]
    assert len(set(colors.values())) == 3
