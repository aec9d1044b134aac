"""Local `evaluate.Metric` modules for speech emotion recognition: made directly, never loaded from the network.

>>> from audio_emotion.training.metrics import UnweightedAverageRecall
>>> UnweightedAverageRecall().compute(predictions=[0, 1, 1], references=[0, 1, 0])
{'uar': 0.75}
"""

from audio_emotion.training.metrics.classification import Accuracy, MacroF1, UnweightedAverageRecall
from audio_emotion.training.metrics.diarization import EmotionDiarizationErrorRate
from audio_emotion.training.metrics.distribution import ExpectedCalibrationError, JensenShannon, KullbackLeibler
from audio_emotion.training.metrics.regression import ConcordanceCorrelation, Pearson, Spearman

__all__ = [
    "Accuracy",
    "ConcordanceCorrelation",
    "EmotionDiarizationErrorRate",
    "ExpectedCalibrationError",
    "JensenShannon",
    "KullbackLeibler",
    "MacroF1",
    "Pearson",
    "Spearman",
    "UnweightedAverageRecall",
]
