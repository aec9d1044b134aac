"""The canonical emotion labels: their order, and how often the published model met each of them in training."""

EMOTIONS: tuple[str, ...] = ("happiness", "sadness", "disgust", "fear", "surprise", "anger", "other", "neutral")
"""Label order of the published checkpoint (github.com/spaghettiSystems/emotion_whisper) and of every model here."""

PUBLISHED_CLASS_PRIOR: tuple[float, ...] = (
    0.19170297,
    0.09759999,
    0.05292019,
    0.06359768,
    0.06397428,
    0.11632104,
    0.02482805,
    0.3890558,
)
"""Share of each label in the published model's training mix (its `logit_scaling`), in the order of `EMOTIONS`."""
