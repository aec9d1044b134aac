"""The package's errors: one base, few children; each message says what was wrong, where, and what would work."""


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
