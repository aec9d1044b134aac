"""`pipeline("audio-emotion")`: audio of any kind and length in, emotions over time out.

Data flow: `decoding` gives blocks, `windows` cuts them, `batching` takes the windows through the model, `windows`
blends them back, `scores` and `segments` shape the answer.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar

import torch
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification
from transformers.pipelines.base import ChunkPipeline
from transformers.utils import logging

from .activity_audio_emotion import check_threshold
from .answers_audio_emotion import NO_SPEECH_WARNING, Answerer, shape_answer, with_speech
from .batching_audio_emotion import BUCKET_BATCHES, RecordingScorer
from .errors_audio_emotion import AudioEmotionError
from .loading_audio_emotion import MODEL_TYPE, check_model_folder, check_parts, cpu_only, in_backend
from .scores_audio_emotion import ScoredRecording, make_score_rule, prior_logits
from .segments_audio_emotion import NO_SPEECH, Smoothing, check_window
from .speakers_audio_emotion import RttmTurns, Turns, check_all_segments, turns_per_recording
from .timeline_audio_emotion import EmotionTimeline
from .windows_audio_emotion import WindowPlan

SMOOTHING_OPTIONS = tuple(field.name for field in dataclasses.fields(Smoothing))
DEFAULTS = {"return_timestamps": False, "prior": "train"}
"""What None stands for, where it is no choice itself."""

logger = logging.get_logger(__name__)


class AudioEmotionPipeline(ChunkPipeline):
    """Hears emotion in speech and how it changes over time.

    Made by `transformers.pipeline("audio-emotion")`, or by `AudioEmotionPipeline.from_pretrained("org/name")`, which
    runs the installed code. Options given when it is made hold for every call, those of a call for that call.

    ```python
    pipe = pipeline("audio-emotion")
    pipe("call.wav")                          # [{"label": "anger", "score": 0.62}, ...]
    pipe("call.wav", return_timestamps=True)  # {"scores": [...], "chunks": [{"timestamp": (0.0, 3.24), ...}, ...]}
    ```
    """

    _load_processor: Any = False
    _load_image_processor: Any = False
    _load_video_processor: Any = False
    _load_feature_extractor: Any = True
    _load_tokenizer: Any = False
    feature_extractor: Any
    _registered_impl: ClassVar[dict[str, dict[str, Any]]]

    def __init__(self, model: Any, *args: Any, backend: str | None = None, **kwargs: Any) -> None:
        dtype = kwargs.get("dtype")
        kwargs.pop("local_files_only", None)  # `transformers.pipeline` has used it, and leaves it among the options
        if backend not in (None, getattr(model, "backend", "torch")):
            model = in_backend(model, backend)
        if getattr(model, "backend", "torch") == "onnx":
            kwargs["device"] = cpu_only(kwargs.get("device"))
        super().__init__(model, *args, **kwargs)
        config = self.model.config
        if config.model_type != MODEL_TYPE:
            raise AudioEmotionError(
                f"{config.name_or_path or type(self.model).__name__} is a {config.model_type!r} model, and the "
                f"audio-emotion pipeline runs {MODEL_TYPE!r} models. Others run in pipeline('audio-classification')."
            )
        check_parts(self.model, self.feature_extractor)
        self.model.eval()
        if self.device.type == "cpu" and dtype in (None, "auto") and self.dtype in (torch.float16, torch.bfloat16):
            self.model.float()  # half precision saves space on disk; on a CPU it only costs time and accuracy

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path,
        *,
        backend: str | None = None,
        device: int | str | torch.device | None = None,
        dtype: torch.dtype | str = "auto",
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        **options: Any,
    ) -> AudioEmotionPipeline:
        """Load a model folder or Hub repo with the installed code; code in the repo is not run.

        Args:
            model: Folder or repo id.
            backend: `"torch"` or `"onnx"` (a folder that `audio-emotion export` wrote); None takes what is there.
            device: Where the model runs; None takes an accelerator where there is one.
            dtype: Type of the weights in memory; `"auto"` is the file's, and float32 on a CPU.
            revision: Branch, tag or commit of the repo.
            token: Hub token for private repos.
            cache_dir: Where downloads are kept.
            options: `batch_size` and any option of a call, as defaults.

        Returns:
            The pipeline.

        Raises:
            AudioEmotionError: If there is no such model, it holds a pickle in place of safetensors, lacks weights, or
                is of another architecture.
        """
        name = str(model)
        check_model_folder(name)
        chosen_backend = {} if backend is None else {"backend": backend}
        hub = {"revision": revision, "token": token, "cache_dir": cache_dir, "trust_remote_code": False}
        try:
            network, report = AutoModelForAudioClassification.from_pretrained(
                name, dtype=dtype, use_safetensors=True, output_loading_info=True, **hub, **chosen_backend
            )
            feature_extractor = AutoFeatureExtractor.from_pretrained(name, **hub)
        except Exception as error:  # transformers, safetensors and PEFT raise many kinds on a broken file
            raise AudioEmotionError(
                f"{name} cannot be loaded as an {MODEL_TYPE!r} model. It must hold config.json, model.safetensors and "
                f"preprocessor_config.json of such a model. The cause: {error}"
            ) from error
        absent = sorted([*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])])
        if absent:
            raise AudioEmotionError(f"{name} lacks weights: {', '.join(absent[:5])} ({len(absent)} in all).")
        chosen_dtype: dict[str, Any] = {} if dtype == "auto" else {"dtype": dtype}
        return cls(
            model=network,
            feature_extractor=feature_extractor,
            task="audio-emotion",
            device=device,
            **chosen_dtype,
            **options,
        )

    def __call__(
        self, inputs: Any, *args: Any, num_workers: int | None = None, batch_size: int | None = None, **kwargs: Any
    ) -> Any:
        """Score one recording, a list of them, or a stream.

        Args:
            inputs: Path, http(s) URL, bytes, binary file object, 1-d array or torch tensor at the model's rate,
                `{"array" | "raw": ..., "sampling_rate": ...}`, `{"bytes": ..., "path": ...}`, any other value of a
                `datasets` Audio column, or a row that holds one under `"audio"`. A list or tuple of these answers a
                list; a generator, a dataset or a column of one (`dataset["audio"]`) answers an iterator.
            args: Nothing; here for the base class.
            num_workers: Without effect; here for the base class.
            batch_size: Windows per forward pass of an accelerator; changes no score (docs/performance.md).
            kwargs: Options.

                - return_timestamps (`bool`, `float` or `"frame"`): True cuts where the emotion changes, a number cuts
                  into windows of so many seconds, `"frame"` answers every frame.
                - top_k (`int`): Keep so many of the `scores` of the recording; chunks keep all.
                - labels (`list[str]`): Keep these, renormalised among themselves.
                - prior (`"train"`, `"uniform"` or `dict[str, float]`): How likely each label is beforehand.
                - switch_cost_s, min_chunk_s, hysteresis (`float`): How changes of label are smoothed; see `Smoothing`.
                - segments: Score these turns as chunks: a list of `{"start", "end", "speaker"}` in seconds, the path of
                  an `.rttm` file, a DataFrame or a pyannote Annotation. With a list of recordings, one for each; an
                  RTTM file is matched by the recordings' stems.
                - vad (`bool` or `float`): Leave out what is no speech; a number is the speech threshold.
                - return_embeddings (`bool` or `int`): Add L2-normalised embeddings of this width; True is the widest.
                - on_progress (`Callable[[float], None]`): Called with the seconds of audio just scored.

        Returns:
            A list of `{"label", "score"}`, the strongest first; with `return_timestamps`, `segments` or
            `return_embeddings` a dictionary of `scores`, `entropy` (0..1) and `warnings`, and of `chunks`
            (`{"timestamp": (start_s, end_s), "label", "score", "confidence", "peak_s", "entropy", "scores"}` each), or
            for `"frame"` of `frames` float32 `(num_frames, num_labels)`, `frame_period_s` and `labels`. `segments` add
            `speakers`, `return_embeddings` adds `embedding` (frames: `embeddings`). docs/analysis.md tells it all. The
            dictionary is an `EmotionTimeline`, which can also `plot`, `save` and `to_dataframe` itself.

        Raises:
            AudioDecodingError: If audio cannot be read, is shorter than 25 ms, or is not finite.
            AudioEmotionError: If an option does not fit the model or the recording.
        """
        if isinstance(inputs, (list, tuple)):
            if not inputs:
                return []
            inputs = list(inputs)
        else:
            inputs = _as_stream(inputs)
        return super().__call__(inputs, *args, num_workers=num_workers, batch_size=batch_size, **kwargs)

    def _sanitize_parameters(
        self,
        on_progress: Callable[[float], None] | None = None,
        **options: Any,
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Check what the caller passed, before any work; other keys stay unset, so that a call keeps the pipeline's."""
        named = ("return_timestamps", "top_k", "labels", "prior", "segments", "vad", "return_embeddings")
        known = named + SMOOTHING_OPTIONS
        unknown = [name for name in options if name not in known]
        if unknown:
            raise AudioEmotionError(f"Unknown options {unknown}. The audio-emotion pipeline takes {list(known)}.")
        options |= {name: default for name, default in DEFAULTS.items() if options.get(name, default) is None}
        config = self.model.config
        top_k, timestamps = options.get("top_k"), options.get("return_timestamps", False)
        if top_k is not None and not _is_count(top_k):
            raise AudioEmotionError(f"top_k is {top_k!r}; give a whole number of at least 1, or None for all labels.")
        if not isinstance(timestamps, bool) and timestamps != "frame":
            options["return_timestamps"] = check_window(timestamps, config.frame_period_s)
        if "labels" in options or "prior" in options:
            held = getattr(self, "_postprocess_params", {}) | options
            make_score_rule(config, held.get("labels"), held.get("prior", "train"))
        if options.get("segments") is not None:
            options["segments"] = check_all_segments(options["segments"])
        Smoothing(**{name: options[name] for name in SMOOTHING_OPTIONS if name in options})
        check_threshold(options.get("vad"))
        self._embedding_width(options.get("return_embeddings"))
        return {}, {} if on_progress is None else {"on_progress": on_progress}, options

    def get_iterator(
        self,
        inputs: Any,
        num_workers: int,
        batch_size: int,
        preprocess_params: dict[str, Any],
        forward_params: dict[str, Any],
        postprocess_params: dict[str, Any],
    ) -> Iterator[Any]:
        """Answers in the order of the inputs. Batches of windows are ours to make, so `num_workers` has no use."""
        options = dict(postprocess_params)
        make_score_rule(self.model.config, options.get("labels"), options.get("prior", "train"))
        segments = turns_per_recording(options.pop("segments", None), inputs)
        _check_batch_size(batch_size)
        # A list may be read ahead to sort by length; a stream only as far as one batch needs.
        look_ahead = batch_size if batch_size == 1 or not isinstance(inputs, list) else batch_size * BUCKET_BATCHES
        scorer = self.make_scorer(None, options.get("vad"), options.get("return_embeddings"))
        recordings = scorer.score(_each(inputs), batch_size, look_ahead, **forward_params)
        return (
            self.postprocess(recording, segments=turns, **options)
            for recording, turns in zip(recordings, segments, strict=False)
        )

    def make_scorer(
        self, plan: WindowPlan | None = None, vad: bool | float | None = None, return_embeddings: Any = None
    ) -> RecordingScorer:
        """What takes recordings through the model, cut by `plan`; by default into windows as long as it hears.

        A processor gains nothing from batches, so there every window goes alone.
        """
        forward = functools.partial(self.forward, embedding_width=self._embedding_width(return_embeddings))
        has_gate = check_threshold(vad) is not None
        alone = self.device.type == "cpu"
        return RecordingScorer(self.model.config, self.feature_extractor, forward, plan, has_gate, alone)

    def score_recordings(
        self,
        sources: Iterable[Any],
        batch_size: int = 1,
        on_progress: Callable[[float], None] | None = None,
        plan: WindowPlan | None = None,
        vad: bool | float | None = None,
        return_embeddings: int | bool | None = None,
    ) -> Iterator[ScoredRecording]:
        """Hear recordings as `score_recording` does, windows of like length in one batch.

        Args:
            sources: Any inputs of a call; read ahead by a few batches.
            batch_size: Windows per forward pass of an accelerator; changes no score (docs/performance.md).
            on_progress: Called with the seconds of audio just scored.
            plan: How recordings are cut; that of an `EmotionStream` gives the frames of the stream.
            vad: As in a call: the gate listens, and `postprocess(vad=...)` may use it.
            return_embeddings: As in a call; `postprocess` may ask for this width or a smaller one.

        Returns:
            The logits of each recording's frames, in the order of the sources.
        """
        _check_batch_size(batch_size)
        look_ahead = batch_size if batch_size == 1 else batch_size * BUCKET_BATCHES
        return self.make_scorer(plan, vad, return_embeddings).score(sources, batch_size, look_ahead, on_progress)

    def score_recording(self, source: Any, *args: Any, **kwargs: Any) -> ScoredRecording:
        """Hear one recording; `postprocess` then answers it in several shapes without hearing it again.

        Args:
            source: Any single input of a call.
            args: As in `score_recordings`.
            kwargs: As in `score_recordings`.

        Returns:
            The logits of its frames.
        """
        return next(self.score_recordings([source], *args, **kwargs))

    def preprocess(self, input_: Any, **preprocess_parameters: Any) -> Any:
        """Decode one input; an iterator of its windows, float32 `(num_samples,)`."""
        return self.make_scorer().windows(input_)

    def _forward(  # type: ignore[override]  # one option by name, where the base class has any
        self, input_tensors: dict[str, Any], embedding_width: int | None = None, **forward_parameters: Any
    ) -> Any:
        features = {
            name: tensor.to(self.dtype) if tensor.is_floating_point() else tensor
            for name, tensor in input_tensors.items()
        }
        outputs = self.model(**features)
        num_scores, num_labels = outputs["logits"].shape[-1], self.model.config.num_labels
        if num_scores != num_labels:
            raise AudioEmotionError(
                f"The model's head has {num_scores} outputs and its config names {num_labels} labels. Load an adapter "
                "with new labels through pipeline(model=ADAPTER) or model.load_adapter(ADAPTER), which bring them."
            )
        answer = {name: outputs[name].float() for name in ("logits", "frame_logits", "frame_log_weights")}
        if embedding_width is not None:
            answer["frame_vectors"] = outputs["frame_vectors"][..., :embedding_width].float()
        return answer

    def postprocess(  # type: ignore[override]  # the options by name, where the base class has any
        self,
        model_outputs: Any,
        return_timestamps: bool | float | str = False,
        top_k: int | None = None,
        labels: Sequence[str] | None = None,
        prior: str | Mapping[str, float] = "train",
        segments: Turns | RttmTurns | None = None,
        vad: bool | float | None = None,
        return_embeddings: int | bool | None = None,
        **smoothing: float,
    ) -> Any:
        """Shape a `ScoredRecording` into the answer that `__call__` describes."""
        recording: ScoredRecording = model_outputs
        config = self.model.config
        if isinstance(segments, RttmTurns):
            segments = segments.of(recording.name)
        nothing = None if config.problem == "intensity" else prior_logits(config)
        answerer = Answerer(
            recording,
            make_score_rule(config, labels, prior),
            nothing,
            embedding_width=self._embedding_width(return_embeddings),
        )
        answerer = with_speech(answerer, check_threshold(vad))
        if answerer.speech is not None and not answerer.speech.any():
            logger.warning(f"{recording.name} [{NO_SPEECH}]: {NO_SPEECH_WARNING['message']}")
        answer = shape_answer(answerer, return_timestamps, top_k, segments, Smoothing(**smoothing))
        return EmotionTimeline(answer, recording.name, recording.duration_s) if isinstance(answer, dict) else answer

    def _embedding_width(self, return_embeddings: Any) -> int | None:
        """Width that is asked for; None for no embeddings."""
        if return_embeddings is None or return_embeddings is False:
            return None
        widths = list(self.model.config.nesting_dims)
        width = widths[-1] if return_embeddings is True else return_embeddings
        if width not in widths:
            raise AudioEmotionError(
                f"return_embeddings is {width!r}; this model has embeddings of the widths {widths}."
            )
        return int(width)


# What `save_pretrained` writes into config.json, so that a saved repo brings this task along.
AudioEmotionPipeline._registered_impl = {
    "audio-emotion": {"impl": AudioEmotionPipeline, "pt": (AutoModelForAudioClassification,), "type": "audio"}
}


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) > 0


def _check_batch_size(batch_size: Any) -> None:
    if not _is_count(batch_size):
        raise AudioEmotionError(f"batch_size is {batch_size!r}; give a whole number of at least 1.")


def _each(inputs: Any) -> Iterable[Any]:
    """The items of a list, generator or dataset; a torch Dataset may know only indices."""
    if isinstance(inputs, list) or not hasattr(inputs, "__len__"):
        return inputs  # type: ignore[no-any-return]
    return (inputs[index] for index in range(len(inputs)))


def _as_stream(inputs: Any) -> Any:
    """Iterators and `datasets` data sets as generators, which the base class streams; anything else as it is."""
    if hasattr(inputs, "cast_column") and hasattr(inputs, "features"):
        return (row for row in _undecoded(inputs, "audio"))
    column, dataset = getattr(inputs, "column_name", None), getattr(inputs, "source", None)
    if isinstance(column, str) and hasattr(dataset, "cast_column"):  # dataset["audio"]
        return (row[column] for row in _undecoded(dataset, column))
    is_iterator = isinstance(inputs, Iterator) and not hasattr(inputs, "read")
    if is_iterator and not isinstance(inputs, types.GeneratorType):
        return (item for item in inputs)
    return inputs


def _undecoded(dataset: Any, column: str) -> Any:
    """The data set with an Audio column of bytes or paths: its own decoder needs torchcodec, ours does not."""
    audio: Any = (dataset.features or {}).get(column)
    if getattr(audio, "decode", False):
        return dataset.cast_column(column, dataclasses.replace(audio, decode=False))
    return dataset
