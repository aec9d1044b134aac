"""The doors through which others' bytes come in: whole input to break, and how to knock with what became of it.

A knock may raise what the door's documentation allows. Anything else that comes out is a fault of ours.
"""

from fuzz_doors import command_line, corpora, models, recipes, results, sound, turns
from fuzz_doors.door import Door

DOORS: dict[str, Door] = {
    name: door
    for kind in (sound, turns, corpora, recipes, models, results, command_line)
    for name, door in kind.DOORS.items()
}

__all__ = ["DOORS", "Door"]
