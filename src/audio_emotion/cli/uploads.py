"""What a push would bring, as a table; common to models and corpora."""

from collections.abc import Mapping
from pathlib import Path


def print_files(files: Mapping[str, Path], repo_id: str) -> None:
    """Print the files of a dry run with their sizes.

    Args:
        files: the file behind each path in the repository.
        repo_id: where a push would bring them.
    """
    from rich.filesize import decimal
    from rich.table import Table

    from audio_emotion.cli.terminal import Terminal

    sizes = {path: file.stat().st_size for path, file in files.items()}
    table = Table(title=f"Would be pushed to {repo_id}", show_footer=True)
    table.add_column("file", footer=f"{len(sizes)} files")
    table.add_column("size", footer=decimal(sum(sizes.values())), justify="right")
    for path, size in sizes.items():
        table.add_row(path, decimal(size))
    Terminal().print(table)
