from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from audio_emotion import AudioEmotionError
from audio_emotion.training.evaluation_run import read_results, write_results
from audio_emotion.training.model_card import BEGIN, END, filled_card, main, results_block

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "zero_shot.json"
README = f"# Title\n\nBefore.\n\n{BEGIN}\nold numbers\n{END}\n\nAfter.\n"
CARD = f"---\nlibrary_name: transformers\nlicense: cc-by-nc-sa-4.0\ntags:\n- speech\n---\n\n# Model\n\n{BEGIN}\n{END}\n"


def _numbers(uar: float) -> dict[str, Any]:
    interval = {"low": 0.5, "high": 0.9}
    return {
        "uar": {"value": uar, **interval},
        "macro_f1": {"value": 0.7, **interval},
        "accuracy": {"value": 0.72, **interval},
        "bootstrap_unit": "speaker",
        "ece": 0.08,
        "jensen_shannon": 0.2,
    }


def _corpus(language: str, zero_shot: bool, uar: float) -> dict[str, Any]:
    class_set = {
        "classes": ["anger", "neutral"],
        "num_clips": 40,
        "num_speakers": 4,
        "priors": {"train": _numbers(uar), "uniform": _numbers(uar - 0.01)},
    }
    return {"languages": [language], "zero_shot": zero_shot, "class_sets": {"all": class_set, "four": class_set}}


@pytest.fixture
def results() -> dict[str, Any]:
    emodb, urdu = _corpus("de", True, 0.801), _corpus("ur", True, 0.6)
    return {
        "format": 1,
        "command": "audio-emotion evaluate --data prepared --out results.json",
        "model": {"weights_sha256": {"model.safetensors": "0123456789abcdef"}},
        "packages": {"torch": "2.13.0"},
        "settings": {"prior": "train", "split": "test"},
        "corpora": {"emodb": emodb, "urdu": urdu},
        "languages": {
            "de": {"corpora": ["emodb"], "class_sets": emodb["class_sets"]},
            "ur": {"corpora": ["urdu"], "class_sets": urdu["class_sets"]},
        },
    }


def test_the_block_stands_between_the_markers_and_the_rest_is_untouched(results: dict[str, Any]) -> None:
    filled = filled_card(README, results)
    assert filled == f"# Title\n\nBefore.\n\n{BEGIN}\n{results_block(results)}\n{END}\n\nAfter.\n"
    assert "| emodb | de | yes | all (2) | 40 | 4 | 80.1 [50.0, 90.0] |" in filled
    assert "79.1 |" in filled  # the other prior
    assert results["command"] in filled
    assert filled_card(filled, results) == filled


def test_languages_get_a_table_where_one_pools_corpora(results: dict[str, Any]) -> None:
    assert "By language" not in results_block(results)
    results["languages"]["de"]["corpora"] = ["emodb", "another"]
    assert "| de | emodb, another | all (2) |" in results_block(results)


def test_resampled_clips_are_said(results: dict[str, Any]) -> None:
    assert "resampling speakers." in results_block(results)
    results["corpora"]["urdu"]["class_sets"]["all"]["priors"]["train"]["bootstrap_unit"] = "clip"
    assert "resampling speakers (clips, where a corpus has one speaker)." in results_block(results)


def test_the_metadata_of_a_model_card_is_the_hubs(results: dict[str, Any]) -> None:
    filled = filled_card(CARD, results)
    data: Any = ModelCard(filled).data
    assert (data.library_name, data.license, data.tags) == ("transformers", "cc-by-nc-sa-4.0", ["speech"])
    assert data.model_name == "audio-emotion"
    assert len(data.eval_results) == 2 * 2 * 3
    first = data.eval_results[0]
    assert (first.dataset_type, first.dataset_config, first.dataset_split) == ("emodb", "all", "test")
    assert (first.metric_type, first.metric_name, first.metric_value) == ("recall", "UAR, zero-shot", 0.801)
    assert filled_card(filled, results) == filled


@pytest.mark.parametrize("text", ["no markers", f"{BEGIN} only", f"{END}\n{BEGIN}", f"{BEGIN}{BEGIN}{END}"])
def test_a_card_without_its_place_is_refused(text: str, results: dict[str, Any]) -> None:
    with pytest.raises(AudioEmotionError, match=r"MY\.md needs one line"):
        filled_card(text, results, "MY.md")


def test_the_command_fills_and_checks(
    results: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers, readme, card = tmp_path / "numbers.json", tmp_path / "README.md", tmp_path / "model_card.md"
    write_results(results, numbers)
    readme.write_text(README)
    card.write_text(CARD)
    files = [str(numbers), str(readme), str(card)]
    assert main([*files, "--check"]) == 1
    assert capsys.readouterr().out.count("disagrees") == 2
    assert readme.read_text() == README
    assert main(files) == 0
    assert main([*files, "--check"]) == 0
    write_results(results | {"command": "another"}, numbers)
    assert main([*files, "--check"]) == 1
    assert main([str(tmp_path / "absent.json"), str(readme)]) == 2
    assert "cannot read results" in capsys.readouterr().err


@pytest.mark.parametrize("card", ["README.md", "model_card.md"])
def test_the_cards_of_this_repository_say_what_was_measured(card: str) -> None:
    if not RESULTS.is_file():
        pytest.skip("needs results/zero_shot.json, and nothing was measured yet")
    text = (ROOT / card).read_text(encoding="utf-8")
    assert filled_card(text, read_results(RESULTS), card) == text, (
        f"{card} disagrees with {RESULTS.name}: "
        "python -m audio_emotion.training.model_card results/zero_shot.json README.md model_card.md"
    )


def test_the_model_card_is_one_that_the_hub_can_read() -> None:
    data: Any = ModelCard.load(ROOT / "model_card.md").data
    assert data.license
    assert data.pipeline_tag == "audio-classification"
