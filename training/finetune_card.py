"""The card of a fine-tuned model: what it answers, what it was trained on, how well it does, how to load it."""

from __future__ import annotations

from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from audio_emotion.dataset_scripts.reader import get_reader, list_corpora
from audio_emotion.training.data import ClipTable
from audio_emotion.training.finetune_recipe import FinetuneRecipe
from audio_emotion.training.results_table import markdown_table

_LOADING = """Where the package audio-emotion is installed:

```python
import audio_emotion  # registers with transformers
from transformers import pipeline

pipe = pipeline("audio-emotion", model="{name}")
pipe("call.wav")  # {answer}
pipe("call.wav", return_timestamps=True)["chunks"]  # what was heard when
```
"""
_SWITCHING = """
It is an adapter: `{base}` stays as it is, and several adapters share it.

```python
from transformers import AutoModelForAudioClassification

model = AutoModelForAudioClassification.from_pretrained("{name}")
model.load_adapter("another/adapter", "second")  # answers with the second one, whose labels are in model.config
model.set_adapter("default")                     # and with this one again
```

`peft.PeftModel.from_pretrained(base_model, "{name}")` gives its logits too; `label_config.json` names them.
"""


def render_card(run: FinetuneRecipe, config: Any, results: dict[str, Any], full: bool) -> str:
    """Write the card.

    Args:
        run: the resolved recipe.
        config: the model's config.
        results: what `finish` measured.
        full: whether the folder holds a whole model.

    Returns:
        YAML metadata and Markdown.
    """
    base = run.base_name or str(run.base)
    labels = [config.id2label[index] for index in range(config.num_labels)]
    intensity = run.target.problem == "intensity"
    data = ModelCardData(
        library_name="transformers" if full else "peft",
        base_model=base,
        pipeline_tag="audio-classification",
        tags=["audio-emotion", "speech-emotion-recognition", *([] if full else ["adapter"])],
        datasets=[corpus.name for corpus in run.data],
        metrics=["spearmanr", "pearsonr", "ccc"] if intensity else ["recall"],
    )
    answer = "an independent score in 0..1 for each" if intensity else "a probability for each, which sum to 1"
    example = f'[{{"label": "{labels[0]}", "score": ...}}, ...]: {answer}'
    parts = [
        f"# {run.name}",
        f"Hears {', '.join(labels)} in speech: {answer}, for a recording and for every 20 ms of it.",
        *([f"**{run.note}**"] if run.note else []),
        "## Use",
        _LOADING.format(name=run.name, answer=example) + ("" if full else _SWITCHING.format(name=run.name, base=base)),
        "## Training",
        _training(run, base, results["trainable_share"]),
        "## Results",
        *(_results(split, measured, intensity) for split, measured in results["splits"].items()),
        "## Limits",
        "It estimates how listeners would rate a voice, not what a person feels. Expect lower numbers on languages, "
        "microphones and speaking styles unlike the training data. Not for decisions about people. The licences of "
        "the base model and of the training data bind its users.",
    ]
    body = "\n\n".join(part.strip() for part in parts)
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{body}\n"))


def _training(run: FinetuneRecipe, base: str, share: float) -> str:
    corpora = [
        get_reader(corpus.name).info.title if corpus.name in list_corpora() else corpus.name for corpus in run.data
    ]
    how = "every weight" if run.method == "full" else f"an adapter ({str(run.adapter['peft_type']).upper()}, PEFT)"
    what = f"loss {run.target.loss}" if run.target.problem == "intensity" else "soft cross-entropy"
    return (
        f"From `{base}` on {', '.join(corpora)}: {how}, {100 * share:.2f} % of the parameters; {what}; the checkpoint "
        f"with the best validation score. `recipe.yaml` is the whole recipe, seed {run.seed}."
    )


def shared_speakers_note(split: str, clips: ClipTable, training: ClipTable) -> str | None:
    """What to know of the numbers of a split with speakers of the training split; None where it has none."""
    speakers = {*clips.speakers} - {None}
    shared = len(speakers & {*training.speakers})
    if not shared:
        return None
    return (
        f"{shared} of the {len(speakers)} speakers of the {split} split are in the training split too: expect lower "
        "numbers on new voices."
    )


def _results(split: str, measured: dict[str, Any], intensity: bool) -> str:
    table = _table(split, measured, intensity)
    return f"{table}\n{measured['note']}" if "note" in measured else table


def _table(split: str, measured: dict[str, Any], intensity: bool) -> str:
    if not intensity:
        rows = [(name, f"{100 * value:.1f} %") for name, value in measured["uar"].items()]
        return f"{split}, {measured['num_clips']} clips:\n\n{markdown_table(('Corpus', 'UAR'), rows)}"
    rows = [
        (name, *(_with_interval(measured[kind][name]) for kind in ("spearman", "pearson", "ccc")))
        for name in measured["spearman"]
    ]
    table = markdown_table(("Label", "Spearman's rho", "Pearson's r", "CCC"), rows)
    return f"{split}, {measured['num_clips']} clips, 95 % intervals by resampling {measured['unit']}s:\n\n{table}"


def _with_interval(entry: dict[str, Any]) -> str:
    low, high = entry["interval"]
    return f"{entry['value']:.3f} [{low:.3f}, {high:.3f}]"
