"""The package's errors: one base, few children; each message says what was wrong, where, and what would work."""

import os
import re

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal would obey or cannot show: control characters, changes of direction, halves of characters."""


class AudioEmotionError(ValueError):
    """Base of every error that this package raises on bad input."""


class AudioDecodingError(AudioEmotionError):
    """Audio that cannot be read, or that holds nothing to analyse (empty, too short, not finite)."""


class CorpusError(AudioEmotionError):
    """A corpus folder, label file or row that does not follow its corpus's layout."""


class RecipeError(AudioEmotionError):
    """A training recipe with an unknown key, a wrong type, or data that cannot be trained on."""


class HubError(AudioEmotionError):
    """A push that the Hub, the token or the connection does not allow; the repository is as it was."""


def printable(text: str) -> str:
    r"""Text that is safe to show, whoever chose it: what a terminal would obey becomes a backslash escape.

    >>> printable("call\x1b[2J.wav")
    'call\\x1b[2J.wav'
    """
    return OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def path_as_text(path: str | os.PathLike[str]) -> str:
    r"""A path as Unicode; the other bytes that a file's name may hold stay apart, as in a URL.

    >>> path_as_text("calls/\udcff.wav")
    'calls/%FF.wav'
    """
    text = os.fsencode(path).decode("utf-8", "surrogateescape")
    return re.sub("[\udc80-\udcff]", lambda found: f"%{ord(found[0]) & 0xFF:02X}", text)
