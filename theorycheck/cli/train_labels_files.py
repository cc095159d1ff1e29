"""What runs of networks with labels draw from, and leave in their folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from theorycheck.cli.result_files import json_text, write_folder
from theorycheck.errors import SettingError

#: What a run leaves in its folder beside its networks.
RESULT = "result.json"


def sample_seed(data_size: int, seed: int) -> int:
    """Return the seed of the observations that --data-size asks for.

    Raises
    ------
    SettingError
        If they are fewer than two.
    """
    if data_size < 2:
        raise SettingError(f"--data-size must be at least 2, not {data_size}")
    from neural import Stream, TrainingSettings, seed_of

    return seed_of(seed, Stream.DATA, TrainingSettings().streams)


def write_result(
    directory: Path, schema: str, entry: Mapping[str, object], files: Mapping[str, str]
) -> None:
    """Write result.json and other text files, all or none.

    Parameters
    ----------
    directory : Path
        Made where it is not there.
    schema : str
        Whose schema the object follows.
    entry : mapping
        What --json prints.
    files : mapping
        Names to texts.

    Raises
    ------
    SettingError
        If the folder cannot be written.
    """
    write_folder(directory, {**files, RESULT: json_text(schema, entry)})
