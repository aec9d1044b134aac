"""Makes transformers know the model and the task, without importing torch, transformers or this package's classes.

transformers loads lazily, and so does this. Its Auto classes map names to names, and import
`transformers.models.<model_type>` when a name is asked for; `_Task` imports a task's pipeline. These tables live in
modules that cost seconds to import, hence: where such a module is already imported, its table is filled now; where it
is not, an import hook fills the table right after the module has run. Either order of imports works, and nothing of
ours is imported before it is used. `transformers.models.emotion_whisper` is this package with its lazy names.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

MODEL_TYPE = "emotion_whisper"
TASK = "audio-emotion"
CONFIG = "EmotionWhisperConfig"


def bundled_checkpoint() -> Path:
    """Folder of the model that is installed with the package and that `pipeline("audio-emotion")` loads by default."""
    return Path(__file__).parent / "checkpoint"


def register() -> None:
    """Register configuration, feature extractor, models and task with transformers, now or when it is imported.

    Calling it again changes nothing.
    """
    sys.modules.setdefault(f"transformers.models.{MODEL_TYPE}", sys.modules[__package__])
    for name, fill in _TABLES.items():
        module = sys.modules.get(name)
        if module is not None:
            fill(module)
    if not any(isinstance(finder, _AfterImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterImport())


class _AfterImport(importlib.abc.MetaPathFinder):
    """Finds the modules of `_TABLES` where Python would, and fills their tables once they have run."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in _TABLES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = _then(spec.loader.exec_module, _TABLES[fullname])  # type: ignore[method-assign,assignment]
        return spec


def _then(exec_module: Callable[[ModuleType], None], fill: Callable[[Any], None]) -> Callable[[ModuleType], None]:
    def exec_and_fill(module: ModuleType) -> None:
        exec_module(module)
        fill(module)

    return exec_and_fill


def _fill_configs(module: Any) -> None:
    module.CONFIG_MAPPING_NAMES[MODEL_TYPE] = CONFIG


def _fill_feature_extractors(module: Any) -> None:
    _add(module.FEATURE_EXTRACTOR_MAPPING, module.FEATURE_EXTRACTOR_MAPPING_NAMES, "EmotionWhisperFeatureExtractor")


def _fill_models(module: Any) -> None:
    _add(module.MODEL_MAPPING, module.MODEL_MAPPING_NAMES, "EmotionWhisperModel")
    _add(
        module.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING,
        module.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES,
        "EmotionWhisperForAudioClassification",
    )


def _add(mapping: Any, names: dict[str, str], name: str) -> None:
    """Add a class to a lazy mapping, whose reverse table may have been made before our config was in it."""
    names[MODEL_TYPE] = name
    mapping._reverse_config_mapping[CONFIG] = MODEL_TYPE


def _fill_tasks(module: Any) -> None:
    module.SUPPORTED_TASKS[TASK] = _Task(
        impl=None,
        pt=(module.AutoModelForAudioClassification,),
        default={"model": (str(bundled_checkpoint()), None)},
        type="audio",
    )


class _Task(dict[str, Any]):
    """An entry of the task table, whose class is imported when it is asked for, as every version of the table takes."""

    def __getitem__(self, key: str) -> Any:
        if key != "impl":
            return super().__getitem__(key)
        from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline

        return AudioEmotionPipeline


_TABLES: dict[str, Callable[[Any], None]] = {
    "transformers.models.auto.configuration_auto": _fill_configs,
    "transformers.models.auto.feature_extraction_auto": _fill_feature_extractors,
    "transformers.models.auto.modeling_auto": _fill_models,
    "transformers.pipelines": _fill_tasks,
}
