"""Servers that send no file, another one, too much of it, or nothing for ever; on loopback."""

import contextlib
import gzip
import hashlib
import http.server
import random
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

from faults.damage import ESCAPES
from faults.outcome import Case, Outcome
from faults.scene import Scene

SECTION = "servers"
CONTENT = random.Random(0).randbytes(100_000)
MD5 = hashlib.md5(CONTENT).hexdigest()
SECONDS = 100.0
"""In which a download must end that may take ten, by `faults.attempts.download`."""
MOST = 3 * len(CONTENT)
"""Bytes that a download may leave on the disk."""
FLOOD = 500
"""Times the content that an endless server sends, at most: it must not fill a disk."""
TAKEN = 200 * len(CONTENT)
"""Bytes that an endless server may get rid of; most of them wait in the buffers of sockets."""
SENT: dict[str, int] = {}
"""What endless servers sent."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Does what the path names."""

    timeout = 60

    def do_GET(self) -> None:
        name = urllib.parse.unquote(self.path).strip("/").split("/")[0]
        ASKED.add(name)
        with contextlib.suppress(OSError):  # the client has had enough
            SERVERS[name](self)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def begin(self, length: int | None = None, status: int = 200, **headers: str) -> None:
        """The status line and the headers."""
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send(self, content: bytes, length: int | None = None, **headers: str) -> None:
        """A whole answer that says any length."""
        self.begin(len(content) if length is None else length, **headers)
        self.wfile.write(content)


def _drip(handler: Handler, pause: float, first: bytes = b"") -> None:
    handler.begin(len(CONTENT))
    handler.wfile.write(first)
    for byte in CONTENT[len(first) :]:
        handler.wfile.write(bytes((byte,)))
        handler.wfile.flush()
        time.sleep(pause)


def _endless(handler: Handler) -> None:
    handler.begin()
    for _ in range(FLOOD):
        handler.wfile.write(CONTENT)
        SENT["endless"] = SENT.get("endless", 0) + len(CONTENT)


def _dripping_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(600):
        handler.wfile.write(f"X-{number}: x\r\n".encode())
        handler.wfile.flush()
        time.sleep(0.5)


def _sleep(handler: Handler) -> None:
    time.sleep(600)


def _redirect(where: str) -> Callable[[Handler], None]:
    return lambda handler: handler.begin(0, status=302, Location=where)


SERVERS: dict[str, Callable[[Handler], None]] = {
    "right": lambda handler: handler.send(CONTENT),
    "wrong bytes": lambda handler: handler.send(CONTENT[:-1] + b"?"),
    "a page": lambda handler: handler.send(b"<html>log in</html>", Content_Type="text/html"),
    "nothing": lambda handler: handler.send(b""),
    "too short": lambda handler: handler.send(CONTENT[:1000]),
    "too long": lambda handler: handler.send(CONTENT * 10),
    "says less": lambda handler: handler.send(CONTENT, 1000),
    "says more": lambda handler: handler.send(CONTENT, 10 * len(CONTENT)),
    "says a negative length": lambda handler: handler.send(CONTENT, -1),
    "says 2^60": lambda handler: handler.send(CONTENT, 2**60),
    "closes at once": lambda handler: handler.connection.close(),
    "no HTTP": lambda handler: handler.wfile.write(b"\x00\xff" * 100) and None,
    "404": lambda handler: handler.begin(0, status=404),
    "500": lambda handler: handler.begin(0, status=500),
    "a circle": _redirect("/a%20circle"),
    "a redirect to a file": _redirect("file:///etc/hostname"),
    "a redirect of escapes": _redirect(f"http://{ESCAPES.encode().hex()}\x1b[31m.invalid/"),
    "a bomb": lambda handler: handler.send(
        gzip.compress(bytes(200 * 2**20), 1), Content_Encoding="gzip"
    ),
    "no such encoding": lambda handler: handler.send(CONTENT, Content_Encoding="gzip"),
    "endless": _endless,
    "one byte at a time": lambda handler: _drip(handler, 0.5),
    "all but a drip": lambda handler: _drip(handler, 0.5, CONTENT[:-1000]),
    "dripping headers": _dripping_headers,
    "silent": _sleep,
}
"""A new server is a line here. `right` is the one that must be believed."""
ASKED: set[str] = set()
"""The servers that were asked: one that was not has proved nothing."""
SMOKE = "right", "wrong bytes", "a circle", "says 2^60", "too long"


@contextlib.contextmanager
def _served() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def attack(scene: Scene, chance: random.Random, smoke: bool) -> Iterator[Case]:
    """A download from each server; what is refused must leave little on the disk."""
    with _served() as base:
        for name in SMOKE if smoke else SERVERS:
            if not scene.wants(name):
                continue
            cache = scene.fresh()
            url = f"{base}/{urllib.parse.quote(name)}/it.bin"
            words = (url, MD5, len(CONTENT))
            ended = scene.worker.attempt(
                "download", *words, seconds=SECONDS, XDG_CACHE_HOME=str(cache)
            )
            outcome, said = ended.outcome()
            if name not in ASKED:
                raise RuntimeError(f"the server {name!r} was not asked: {said}")
            if SENT.get(name, 0) > TAKEN:
                outcome, said = Outcome.GREEDY, f"took {SENT[name]:,} bytes"
            elif outcome is Outcome.HELD and ended.out.strip() != MD5:
                outcome, said = Outcome.LOSS, "what it sent was taken for the file"
            elif name == "right" and outcome is not Outcome.HELD:
                outcome, said = Outcome.LOSS, f"the right file was refused: {said}"
            elif (left := _bytes(cache)) > MOST:
                outcome, said = Outcome.LEFT, f"{left:,} bytes on the disk"
            yield Case(SECTION, "download", name, outcome, said)
            scene.drop(cache)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
