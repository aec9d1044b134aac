"""The timeline picture holds what it was given; its colours are told apart."""

import itertools
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from audio_emotion import AudioEmotionError, AudioEmotionPipeline
from audio_emotion.pipeline.colors_audio_emotion import COLORS, label_colors
from audio_emotion.pipeline.plot_audio_emotion import (
    MAX_LANES,
    MAX_TICKS,
    plot_timeline,
    timeline_figure,
    waveform_peaks,
)

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


def texts_of(path: Path) -> list[str]:
    """The texts of an SVG."""
    return [node.text or "" for node in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def turn(start: float, end: float, label: str, speaker: str = "") -> dict[str, Any]:
    return {"timestamp": (start, end), "label": label, "score": 0.9} | ({"speaker": speaker} if speaker else {})


def test_an_svg_bears_its_words_as_text_whatever_they_are(tmp_path: Path) -> None:
    turns = [turn(0.0, 1.0, "anger", "$x^2$ <A> & Zoë"), turn(0.5, 2.0, "sadness", "王")]
    plot_timeline(answer(), turns, np.zeros((1, 2)), 2.0, tmp_path / "a.svg", title="50 % $of$ <it>.wav")
    texts = texts_of(tmp_path / "a.svg")
    assert {"50 % $of$ <it>.wav", "$x^2$ <A> & Zoë", "王", "anger", "sadness", "happiness", "0:01.0"} <= set(texts)
    plot_timeline(answer(), turns, np.zeros((1, 2)), 2.0, tmp_path / "b.svg", title="50 % $of$ <it>.wav")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_stretches_without_speech_are_hatched_and_named(tmp_path: Path) -> None:
    turns = [turn(0.0, 1.0, "anger", "A"), turn(1.0, 2.0, "no_speech")]
    figure = timeline_figure(answer(), turns, None, 2.0)
    assert "no speech" in [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert [text.get_text() for text in figure.axes[1].get_yticklabels()] == ["A"]
    bands = [band for band in figure.axes[0].collections if band.get_hatch() is None]
    assert bands
    assert max(band.get_datalim(figure.axes[0].transData).x1 for band in bands) <= 1.0


def test_chunks_alone_are_drawn_by_their_scores(tmp_path: Path) -> None:
    scores = {"anger": 0.75, "sadness": 0.25}
    figure = timeline_figure(None, [turn(0.0, 1.0, "anger") | {"scores": scores}], None, 1.0)
    tops = {round(float(band.get_paths()[0].vertices[:, 1].max()), 2) for band in figure.axes[0].collections}
    assert tops == {0.75, 1.0}


def test_intensities_are_lines_told_apart_by_colour_or_pattern() -> None:
    labels = [f"feeling {index}" for index in range(17)]
    frames = answer() | {"frames": np.full((100, 17), 0.9, np.float32), "labels": labels}
    axis = timeline_figure(frames, [], None, 2.0).axes[0]
    assert not axis.collections
    assert len({(line.get_color(), str(line._unscaled_dash_pattern)) for line in axis.lines}) == 17
    assert axis.get_ylabel() == "Intensity"


@pytest.mark.parametrize(("duration_s", "last"), [(0.3, "0:00.30"), (5, "0:05.0"), (95, "1:30"), (10_800, "3:00:00")])
def test_the_time_axis_has_few_round_marks(duration_s: float, last: str) -> None:
    frames = answer(max(1, int(duration_s * 50)))
    figure = timeline_figure(frames, [], None, duration_s)
    marks = [text.get_text() for text in figure.axes[-1].get_xticklabels()]
    assert marks[-1] == last
    assert 4 <= len(marks) <= MAX_TICKS + 1


def test_hours_are_drawn_in_few_columns(tmp_path: Path) -> None:
    labels = ("anger", "sadness", "happiness")
    chunks = [turn(index * 6.0, index * 6.0 + 6, labels[index % 3], "AB"[index % 2]) for index in range(1800)]
    plot_timeline(answer(540_000), chunks, np.zeros((2000, 2)), 10_800.0, tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size < 2_000_000


def test_many_speakers_share_the_last_lane() -> None:
    turns = [turn(index, index + 1, "anger", f"speaker {index}") for index in range(20)]
    names = [text.get_text() for text in timeline_figure(None, turns, None, 20.0).axes[1].get_yticklabels()]
    assert names == [*(f"speaker {index}" for index in range(MAX_LANES - 1)), f"speaker {MAX_LANES - 1} and others"]


def test_nothing_to_draw_is_drawn(tmp_path: Path) -> None:
    plot_timeline(None, [], None, 0.0, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


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
