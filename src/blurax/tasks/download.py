"""One checked download, with a progress bar."""

import logging
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import pooch
import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from blurax.errors import BluraxError
from blurax.tasks.sources import File
from blurax.tasks.transfer import TIMEOUT, Transfer


def downloaded(file: File, set_name: str, folder: Path, variable: str) -> Path:
    """A published file that has been downloaded into a folder.

    Args:
        variable: what names the user's data folder, for the sentence about a file not to be had.

    Raises:
        BluraxError: if it cannot be downloaded or kept, or is another file than the published one.
    """
    pooch.get_logger().setLevel(logging.ERROR)  # one sentence of ours in place of its lines
    try:
        with _Bar(file) as bar:
            # Pooch calls it as it should be called, though its annotation has other names.
            downloader: Any = Transfer(file.megabytes * 1e6, bar.update)
            found = pooch.retrieve(
                file.url, f"md5:{file.md5}", file.name, folder, downloader=downloader
            )
    except BluraxError as error:
        raise BluraxError(f"{file.name} of {set_name} is not at hand: {error}") from error
    except requests.RequestException as error:
        raise BluraxError(
            f"{file.name} of {set_name} is not at hand and cannot be downloaded from {file.url} "
            f"({_reason(error)}); put it into {folder}, or let {variable} name a folder with "
            f"{set_name}/{file.name} in it."
        ) from error
    except ValueError as error:  # pooch's word for a wrong checksum; it has removed the file
        raise BluraxError(
            f"{file.url} sent another file than the published {file.name} (md5 {file.md5}), which "
            f"was dropped; try again later, or put a good copy into {folder}."
        ) from error
    except OSError as error:
        raise BluraxError(
            f"{file.name} cannot be kept in {folder}: {error.strerror or error}."
        ) from error
    return Path(found)


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return f"no answer within {TIMEOUT:.0f} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return "it comes packed, which was not asked for"
    return "no connection"


class _Bar:
    """A progress bar on standard error."""

    def __init__(self, file: File) -> None:
        self._bar = Progress(
            TextColumn("downloading {task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=Console(file=sys.stderr),
        )
        self._task = self._bar.add_task(file.name, total=file.megabytes * 1e6)

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar.live.is_started:  # else it would leave an empty line
            self._bar.stop()

    def update(self, size: int) -> None:
        """So many more bytes."""
        self._bar.start()  # not for a file that is in the cache already
        self._bar.update(self._task, advance=size)
