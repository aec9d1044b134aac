"""The model card of a checkpoint that goes to the Hub: what its config, its recipe and its results say, as a card."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from string import Template
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from audio_emotion.dataset_scripts.corpus import CorpusInfo
from audio_emotion.dataset_scripts.reader import get_reader, list_corpora
from audio_emotion.training.model_card import MODEL_NAME, filled_card
from audio_emotion.training.results_table import markdown_table

TEMPLATE = Path(__file__).with_name("hub_card.md")
FREE_LICENSES = frozenset({"cc0-1.0", "cc-by-4.0", "mit", "apache-2.0", "odc-by"})
"""Corpora under these let the weights be CC BY 4.0; any other, unknown ones among them, makes them CC BY-NC-SA 4.0."""

_FREE, _BOUND = "cc-by-4.0", "cc-by-nc-sa-4.0"
_ANSWERS = {"distribution": "probabilities that sum to one", "intensity": "independent intensities from 0 to 1"}
_LICENSE_TEXTS = {
    _FREE: "CC BY 4.0: the training corpora ask for no more.",
    _BOUND: "CC BY-NC-SA 4.0, since training corpora require it or do not say what they allow.",
}


def render_card(
    config: Any,
    repo_id: str,
    recipe: dict[str, Any] | None = None,
    results: dict[str, Any] | None = None,
    pictures: list[str] | None = None,
) -> str:
    """Write the card of a model.

    Args:
        config: The model's `EmotionWhisperConfig`; its `corpora` decide languages and licence.
        repo_id: What the card's examples load.
        recipe: The resolved training recipe, if there is one.
        results: What `audio-emotion evaluate` wrote, if it was measured.
        pictures: Paths, in the repository, of its reliability diagrams.

    Returns:
        The card: YAML metadata and Markdown.
    """
    corpora = {name: get_reader(name).info if name in list_corpora() else None for name in config.corpora}
    base_model = _base_model(recipe)
    license_id = weights_license(corpora)
    data = ModelCardData(
        model_name=MODEL_NAME,
        license=license_id,
        language=sorted({tag.partition("-")[0] for info in corpora.values() if info for tag in info.languages}) or None,
        library_name="transformers",
        pipeline_tag="audio-classification",
        base_model=base_model,
        datasets=sorted(corpora) or None,
        metrics=["recall", "f1", "accuracy"],
        tags=["audio-emotion", "speech-emotion-recognition", "soft-labels"],
    )
    labels = [config.id2label[index] for index in range(config.num_labels)]
    body = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=repo_id.rpartition("/")[2],
        repo_id=repo_id,
        answer=_ANSWERS[config.problem],
        labels=", ".join(labels),
        architecture=_architecture(config, base_model),
        training_data=_training_data(corpora),
        recipe="" if recipe is None else "The whole training config is `recipe.yaml`.",
        calibration="".join(f"\n![{PurePosixPath(path).stem.replace('_', ': ')}]({path})\n" for path in pictures or []),
        license_text=_LICENSE_TEXTS[license_id],
    )
    card = str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{body}"))
    return card if results is None else filled_card(card, results)


def weights_license(corpora: dict[str, CorpusInfo | None]) -> str:
    """The licence that the training data demands of the weights, as the Hub spells it."""
    free = corpora and all(info is not None and info.license in FREE_LICENSES for info in corpora.values())
    return _FREE if free else _BOUND


def _base_model(recipe: dict[str, Any] | None) -> str | None:
    """The Hub id of what training began with, as far as its name in the recipe tells."""
    recipe = recipe or {}
    start = recipe.get("model", {}).get("encoder") or recipe.get("base_name") or recipe.get("base")
    if start is None:
        return None
    name = PurePosixPath(start).name
    return f"openai/{name}" if name.startswith("whisper-") else str(start)


def _architecture(config: Any, base_model: str | None) -> str:
    encoder = config.encoder_config
    origin = f", from {base_model}" if base_model else ""
    length = "padded to 30 s" if config.pad_to_window else "as long as the clip"
    return (
        f"Whisper's encoder ({encoder.encoder_layers} layers of width {encoder.d_model}{origin}), {length}, with "
        f"Matryoshka linear heads on the first {', '.join(map(str, config.nesting_dims))} features of every frame."
    )


def _training_data(corpora: dict[str, CorpusInfo | None]) -> str:
    if not corpora:
        return "Its config does not say which corpora it was trained on."
    rows = [
        (info.title, ", ".join(info.languages), info.license, info.label_note) if info else (name, "", "unknown", "")
        for name, info in corpora.items()
    ]
    return markdown_table(("Corpus", "Languages", "Licence", "Soft labels"), rows)
