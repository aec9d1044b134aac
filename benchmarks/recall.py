"""Recall of a model folder, for the benchmarks that compare several: on validation speakers, and on whole corpora."""

from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import PartialState

from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
from audio_emotion.training.data import load_clips
from audio_emotion.training.evaluation import hear_corpus, report_heard
from audio_emotion.training.evaluation_run import read_corpora
from audio_emotion.training.recipe import CorpusRecipe
from audio_emotion.training.validation import clip_logits, recall_by_corpus, weighted_recall

FRAMES_PER_BATCH = 3200


def validation_recall(folder: Path, corpora: list[CorpusRecipe]) -> float:
    """Unweighted average recall on the validation speakers, 0 to 1: what checkpoints are chosen by."""
    model = EmotionWhisperForAudioClassification.from_pretrained(folder, dtype=torch.float32)
    model.to(PartialState().device)
    extractor = EmotionWhisperFeatureExtractor.from_pretrained(folder)
    clips = load_clips(corpora, "validation")
    return weighted_recall(recall_by_corpus(clip_logits(model, extractor, clips, FRAMES_PER_BATCH), clips), clips)


def corpus_recall(folder: Path, data: str, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Unweighted average recall on all clips of prepared corpora, 0 to 1: name -> class set -> UAR.

    A class set that has no other classes than `"all"` is left out.
    """
    if not names:
        return {}
    pipe = AudioEmotionPipeline.from_pretrained(str(folder))
    heard = [hear_corpus(pipe, name, rows) for name, rows in read_corpora([data], names, "all")[0].items()]
    found: dict[str, dict[str, float]] = {}
    for name, corpus in report_heard(heard, pipe.model.config, num_resamples=1)["corpora"].items():
        sets = corpus["class_sets"]
        own = [key for key, numbers in sets.items() if key == "all" or numbers["classes"] != sets["all"]["classes"]]
        found[name] = {key: sets[key]["priors"]["train"]["uar"]["value"] for key in own}
    return found
