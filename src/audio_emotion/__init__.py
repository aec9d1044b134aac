"""Emotion in speech, in any language, as it shifts over time.

Importing this package makes `transformers.pipeline("audio-emotion")` and the Auto classes know the model; the names
below load on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .registration import register

if TYPE_CHECKING:
    from .modeling.configuration_emotion_whisper import EmotionWhisperConfig
    from .modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
    from .modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification, EmotionWhisperModel
    from .pipeline.decoding_audio_emotion import decode_audio
    from .pipeline.errors_audio_emotion import AudioDecodingError, AudioEmotionError
    from .pipeline.pipeline_audio_emotion import AudioEmotionPipeline
    from .pipeline.stream_audio_emotion import EmotionStream

__version__ = "0.1.0"

_MODULES = {
    "AudioDecodingError": "pipeline.errors_audio_emotion",
    "AudioEmotionError": "pipeline.errors_audio_emotion",
    "AudioEmotionPipeline": "pipeline.pipeline_audio_emotion",
    "EmotionStream": "pipeline.stream_audio_emotion",
    "EmotionWhisperConfig": "modeling.configuration_emotion_whisper",
    "EmotionWhisperFeatureExtractor": "modeling.feature_extraction_emotion_whisper",
    "EmotionWhisperForAudioClassification": "modeling.modeling_emotion_whisper",
    "EmotionWhisperModel": "modeling.modeling_emotion_whisper",
    "decode_audio": "pipeline.decoding_audio_emotion",
}

__all__ = [
    "AudioDecodingError",
    "AudioEmotionError",
    "AudioEmotionPipeline",
    "EmotionStream",
    "EmotionWhisperConfig",
    "EmotionWhisperFeatureExtractor",
    "EmotionWhisperForAudioClassification",
    "EmotionWhisperModel",
    "decode_audio",
]

register()


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
