"""YAML as people write it by hand: without aliases, which make a few lines endless, and without endless nesting."""

from __future__ import annotations

from typing import Any

import yaml

MAX_DEPTH = 32


class _Plain:
    """Refuses, while the tree is made, what no hand writes."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Make a node, unless it is an alias or lies too deep."""
        loader: Any = self
        event = loader.peek_event()
        fault = "an alias (*name); write the value out" if isinstance(event, yaml.AliasEvent) else None
        if self.depth > MAX_DEPTH:
            fault = f"more than {MAX_DEPTH} levels"
        if fault:
            raise yaml.composer.ComposerError(None, None, fault, event.start_mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)  # type: ignore[misc]
        finally:
            self.depth -= 1


class PlainLoader(_Plain, yaml.SafeLoader):
    """Numbers, dates and booleans as such; no tags that would make objects."""


class PlainTextLoader(_Plain, yaml.BaseLoader):
    """Every scalar as the text that it is."""
