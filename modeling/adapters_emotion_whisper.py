"""Adapters that bring labels of their own: each has its head and its label config; the base model stays as it is."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel
from transformers.utils import cached_file

from .logging_emotion_whisper import without_warnings
from .onnx_emotion_whisper import hub_options

LABEL_CONFIG_NAME = "label_config.json"
"""The file beside `adapter_config.json` that says what the adapter's head answers."""

LABEL_FIELDS = ("problem", "id2label", "class_prior", "temperature", "calibration_error", "corpora")
"""Fields of the model's config that belong to its head."""

ADAPTER_CONFIG_NAME = "adapter_config.json"
_PATTERN_FIELDS = ("target_modules", "exclude_modules", "layers_pattern")
_REPEATS = re.compile(r"[*+{]")
_REPEATED_GROUP = re.compile(r"\)[*+{]")
_logger = logging.getLogger(__name__)

_UPLOAD_OPTIONS = ("commit_message", "create_pr", "private", "repo_id", "revision", "tags", "token")


class AdapterLabelsMixin(PreTrainedModel):
    """Makes the config follow the active adapter, whose head may have other labels than the base model's.

    `AutoModelForAudioClassification.from_pretrained(adapter)` loads the base model and calls `load_adapter`; further
    adapters are loaded by `model.load_adapter(folder_or_repo, "name")` and chosen by `model.set_adapter("name")`.
    """

    head: Any
    _label_configs: dict[str | None, Any] | None = None
    """The config of each adapter by its name; None is the base model's."""

    def load_adapter(
        self, peft_model_id: Any = None, adapter_name: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Loads an adapter as transformers does, with the labels of its `label_config.json`, and answers with it.

        Args:
            peft_model_id: Folder or Hub id of the adapter.
            adapter_name: What it is called from now on; `"default"` by default.
            *args: As in transformers.
            **kwargs: As in transformers.

        Returns:
            What transformers reports.

        Raises:
            ValueError: Its config matches modules with a pattern that could take forever, or its labels are no labels.
        """
        _check_patterns(peft_model_id, kwargs)
        labels = _read_labels(peft_model_id, kwargs)
        if labels is None:
            return super().load_adapter(peft_model_id, adapter_name, *args, **kwargs)
        base = self._configs_by_adapter()[None]
        fields = {name: value for name, value in base.to_dict().items() if name not in ("label2id", "problem_type")}
        config = type(base).from_dict({**fields, **labels})
        # transformers reports as lost what PEFT loads right afterwards
        with _labels_for_new_copies(self.head, config.num_labels), without_warnings("transformers.integrations.peft"):
            report: Any = super().load_adapter(peft_model_id, adapter_name, *args, **kwargs)
        adapter_name = adapter_name or "default"
        report.missing_keys = {key for key in report.missing_keys if f".{adapter_name}" in key}
        if report.missing_keys:
            missing, report.unexpected_keys = self._load_by_peft(peft_model_id, adapter_name, _download_options(kwargs))
            report.missing_keys &= missing
        if report.missing_keys or report.unexpected_keys:
            _logger.warning(
                "Adapter %s: it has no weights for %s, and nothing takes its %s.",
                peft_model_id,
                sorted(report.missing_keys),
                sorted(report.unexpected_keys),
            )
        self._configs_by_adapter()[adapter_name] = config
        if getattr(self.head, "active_adapters", [adapter_name]) == [adapter_name]:
            self._follow(adapter_name)
        else:  # transformers leaves a second adapter half active
            self.set_adapter(adapter_name)
        return report

    def set_adapter(self, adapter_name: Any) -> None:
        """Answers with an adapter from now on: its weights, its head, its labels."""
        super().set_adapter(adapter_name)
        self._follow(adapter_name if isinstance(adapter_name, str) else adapter_name[0])

    def disable_adapters(self) -> None:
        """Answers as the base model from now on."""
        super().disable_adapters()
        self._follow(None)

    def enable_adapters(self) -> None:
        """Answers with the active adapter again."""
        super().enable_adapters()
        for module in self.modules():
            if hasattr(module, "modules_to_save"):  # transformers enables the tuned layers alone
                module.enable_adapters(True)  # type: ignore[operator]
        self._follow(self.active_adapters()[0])

    def delete_adapter(self, adapter_names: list[str] | str) -> None:
        """Deletes adapters; where the active one goes, PEFT takes the next, or else the base model answers.

        Raises:
            ValueError: There is no adapter of such a name.
        """
        super().delete_adapter(adapter_names)
        names = [adapter_names] if isinstance(adapter_names, str) else adapter_names
        deleted = [self._configs_by_adapter().pop(name, None) for name in names]
        if any(config is self.config for config in deleted):
            self._follow(self.active_adapters()[0] if self._hf_peft_config_loaded else None)

    def save_pretrained(
        self,
        save_directory: Any,
        is_main_process: bool = True,
        state_dict: dict[str, Any] | None = None,
        push_to_hub: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Saves the model, or with an adapter the active adapter alone and its `label_config.json`.

        Args:
            save_directory: Folder to write to.
            is_main_process: As in transformers.
            state_dict: As in transformers.
            push_to_hub: Also upload what was saved.
            *args: As in transformers.
            **kwargs: As in transformers.
        """
        if not self._hf_peft_config_loaded:
            super().save_pretrained(save_directory, is_main_process, state_dict, push_to_hub, *args, **kwargs)
            return
        upload = {name: kwargs.pop(name) for name in _UPLOAD_OPTIONS if name in kwargs}
        super().save_pretrained(save_directory, is_main_process, state_dict, False, *args, **kwargs)
        if not self.should_save_on_this_rank(is_main_process):
            return
        configs = self._configs_by_adapter()
        fields = configs.get(self.active_adapters()[0], configs[None]).to_dict()
        labels = json.dumps({name: fields.get(name) for name in LABEL_FIELDS}, indent=2, ensure_ascii=False)
        (Path(save_directory) / LABEL_CONFIG_NAME).write_text(labels + "\n", encoding="utf-8")
        if push_to_hub:  # transformers would upload before the labels are there
            self.push_to_hub(upload.pop("repo_id", Path(save_directory).name), **upload)

    def _load_by_peft(
        self, peft_model_id: Any, adapter_name: str, download: dict[str, Any]
    ) -> tuple[set[str], set[str]]:
        """Loads the adapter's weights as PEFT does: transformers misses some. Returns the missing and the unknown."""
        try:
            from peft import load_peft_weights, set_peft_model_state_dict
        except ImportError as error:
            raise ValueError("An adapter needs the package peft.") from error
        weights = load_peft_weights(str(peft_model_id), device=str(self.device), **download)
        own = {name.removeprefix("base_model.model."): tensor for name, tensor in weights.items()}
        outcome: Any = set_peft_model_state_dict(self, own, adapter_name)
        return set(outcome.missing_keys), set(outcome.unexpected_keys)

    def _configs_by_adapter(self) -> dict[str | None, Any]:
        if self._label_configs is None:
            self._label_configs = {None: self.config}
        return self._label_configs

    def _follow(self, adapter_name: str | None) -> None:
        """Takes the config of an adapter; one without labels of its own keeps the base model's."""
        configs = self._configs_by_adapter()
        self.config = configs.get(adapter_name, configs[None])


def _check_patterns(peft_model_id: Any, options: dict[str, Any]) -> None:
    """Refuse regular expressions in `adapter_config.json` that backtrack without end over the modules' names."""
    for field, value in (_read_json(peft_model_id, ADAPTER_CONFIG_NAME, options) or {}).items():
        patterns = value if isinstance(value, dict) else [value] if field in _PATTERN_FIELDS else []
        for pattern in patterns:
            if isinstance(pattern, str) and (len(_REPEATS.findall(pattern)) > 3 or _REPEATED_GROUP.search(pattern)):
                raise ValueError(
                    f"{ADAPTER_CONFIG_NAME}: {field} has the pattern {pattern[:80]!r}, which repeats a group or more "
                    "than three parts. Name the modules in a list."
                )


def _read_json(name_or_folder: Any, file: str, options: dict[str, Any]) -> dict[str, Any] | None:
    """A JSON file of a folder or repo; None where it has none.

    Raises:
        ValueError: It is not JSON, or no object.
    """
    if name_or_folder is None:
        return None
    path = cached_file(name_or_folder, file, **_download_options(options), _raise_exceptions_for_missing_entries=False)
    if path is None:
        return None
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deeply.") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} must hold a JSON object, got {type(values).__name__}.")
    return values


def _read_labels(peft_model_id: Any, options: dict[str, Any]) -> dict[str, Any] | None:
    """The adapter's label config; None where it has none, and so the labels of its base."""
    labels = _read_json(peft_model_id, LABEL_CONFIG_NAME, options)
    return None if labels is None else {name: labels[name] for name in LABEL_FIELDS if name in labels}


def _download_options(options: dict[str, Any]) -> dict[str, Any]:
    """What `load_adapter` was told about the Hub, wherever transformers puts it."""
    told = {**getattr(options.get("load_config"), "download_kwargs", {}), **(options.get("adapter_kwargs") or {})}
    told.update(options)
    return hub_options(told)


@contextmanager
def _labels_for_new_copies(head: Any, num_labels: int) -> Iterator[None]:
    """Within this, PEFT's copies of the head have `num_labels` outputs; afterwards the head is as it was."""
    original = getattr(head, "original_module", head)
    modules, own_labels = dict(original._modules), original.num_labels
    original.resize(num_labels)
    try:
        yield
    finally:
        original._modules, original.num_labels = modules, own_labels


__all__ = ["LABEL_CONFIG_NAME", "LABEL_FIELDS", "AdapterLabelsMixin"]
