"""Emotion in speech, in any language, as it shifts over time."""

__version__ = "0.1.0"
