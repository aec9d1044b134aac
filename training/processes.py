"""The processes of a run: the one that the user started, or all that `torchrun` did."""

from __future__ import annotations

import torch
from accelerate import PartialState
from accelerate.utils import is_torch_xla_available


def join_processes() -> PartialState:
    """Meet the other processes of this run; every later use of Accelerate is among them.

    Accelerate itself joins them only where there is an accelerator: on a CPU each process would believe that it is
    alone, take every step by itself and write to the same files.
    """
    without_accelerator = not torch.accelerator.is_available() and not is_torch_xla_available()
    return PartialState(cpu=without_accelerator)
