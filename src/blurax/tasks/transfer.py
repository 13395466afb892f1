"""One file over HTTP, with bounds on how much may come and how long it may take."""

import threading
from collections.abc import Callable

import requests

from blurax.errors import BluraxError

TIMEOUT = 30.0
"""Seconds without an answer after which a download is given up."""
START = 60.0
"""Seconds that any download may take, and then as long as its bytes last at `SLOWEST`."""
SLOWEST = 50_000.0
"""Bytes a second: a server that keeps sending, but less, is not waited for."""
MOST = 2
"""A download ends beyond so many times the size that is known."""

_CHUNK = 2**14


class Transfer:
    """Downloads a file of about a known size; of the form in which pooch takes it.

    The connection belongs to a thread of its own: a server that sends a byte of its headers now
    and then never lets a call return, and the caller has to go on all the same.

    Args:
        size: bytes of the file that is wanted.
        advance: called with the number of bytes that have just come.
    """

    def __init__(self, size: float, advance: Callable[[int], object]) -> None:
        self._most, self._advance = int(MOST * size), advance
        self.seconds = START + size / SLOWEST
        self._stop = threading.Event()
        self._error: Exception | None = None

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """Write what the server sends.

        Raises:
            BluraxError: if it sends too much, or too slowly.
            requests.RequestException: if there is no answer, or none that is whole.
            OSError: if the file cannot be written.
        """
        work = threading.Thread(target=self._kept, args=(url, output_file), daemon=True)
        work.start()
        try:
            work.join(self.seconds)
        finally:
            self._stop.set()  # for a thread that is left behind: it writes nothing more
        if work.is_alive():
            raise BluraxError(
                f"{url} has not sent the file within {self.seconds:.0f} s, which is slower than "
                f"{SLOWEST / 1000:.0f} kB a second; try again later."
            )
        if self._error is not None:
            raise self._error

    def _kept(self, url: str, path: str) -> None:
        try:
            self._receive(url, path)
        except Exception as error:  # it belongs to the caller's thread
            self._error = error

    def _receive(self, url: str, path: str) -> None:
        plain = {"Accept-Encoding": "identity"}  # lest a few bytes unpack to any number
        with requests.get(url, stream=True, timeout=TIMEOUT, headers=plain) as answer:
            answer.raise_for_status()
            packed = answer.headers.get("Content-Encoding", "identity")
            if packed.lower() != "identity":
                raise requests.exceptions.ContentDecodingError("it was not to be packed")
            with open(path, "wb") as file:
                self._write(answer, file.write, url)

    def _write(self, answer: requests.Response, write: Callable[[bytes], object], url: str) -> None:
        length = answer.headers.get("Content-Length", "")
        come = int(length) if length.isdecimal() and len(length) < 20 else 0
        self._check(come, url)
        come = 0
        for chunk in answer.iter_content(_CHUNK):
            if self._stop.is_set():
                return
            come += len(chunk)
            self._check(come, url)
            write(chunk)
            self._advance(len(chunk))

    def _check(self, size: int, url: str) -> None:
        if size > self._most:
            raise BluraxError(
                f"{url} sends more than {self._most:,} bytes, {MOST} times the size of the "
                "published file, and was stopped; try again later."
            )
