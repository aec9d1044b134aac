"""What several commands read from an option's text."""

import typer


def comma_list(values: list[str] | None) -> list[str] | None:
    """The items of options that may be repeated and may each be a comma list; None where there is none."""
    if values is None:
        return None
    return [label.strip() for value in values for label in value.split(",") if label.strip()]


def parse_prior(text: str) -> str | dict[str, float]:
    """The value of `--prior`: a name, or `label=share` pairs as a mapping.

    Raises:
        typer.BadParameter: If a pair is not of that form.
    """
    if "=" not in text:
        return text
    pairs = [pair.partition("=") for pair in text.split(",")]
    try:
        return {label.strip(): float(share) for label, _, share in pairs}
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a list of label=share.", param_hint="--prior") from error
