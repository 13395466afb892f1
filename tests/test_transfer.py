"""Servers that send too much, too slowly, or what was not asked for."""

import contextlib
import gzip
import socket
import threading
import time

import pytest

from blurax.errors import BluraxError
from blurax.tasks import fetch, transfer
from blurax.tasks.sources import File

OK = b"HTTP/1.1 200 OK\r\n"
SIZE = 100_000
"""Bytes of the file that is wanted; a server may send twice as many."""


def endless(connection):
    connection.sendall(OK + b"\r\n")
    while True:
        connection.sendall(bytes(2**16))


def chunked(connection):
    connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + bytes(2**16) + b"\r\n")


def promising(connection):
    connection.sendall(OK + b"Content-Length: 10000000000\r\n\r\n")


def dripping(connection):
    connection.sendall(OK + b"Content-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def dripping_headers(connection):
    connection.sendall(OK)
    while True:
        connection.sendall(b"X: y\r\n" if int(time.monotonic()) % 2 else b"X")
        time.sleep(0.05)


def packed(connection):
    body = gzip.compress(bytes(2**26))
    length = f"Content-Length: {len(body)}\r\nContent-Encoding: gzip\r\n\r\n"
    connection.sendall(OK + length.encode() + body)


def cut(connection):
    connection.sendall(OK + b"Content-Length: 100000\r\n\r\n" + bytes(99))


def another_length(connection):
    connection.sendall(OK + b"Content-Length: -\x1b[2J\r\n\r\n")


def other(connection):
    connection.sendall(OK + b"Content-Length: 5\r\n\r\nother")


SERVERS = {
    endless: "sends more than 200,000 bytes, 2 times the size",
    chunked: "sends more than 200,000 bytes, 2 times the size",
    promising: "sends more than 200,000 bytes, 2 times the size",
    dripping: "has not sent the file within 1 s, which is slower than",
    dripping_headers: "has not sent the file within 1 s, which is slower than",
    packed: "cannot be downloaded from .*packed",
    cut: "cannot be downloaded from .*broke off",
    another_length: "cannot be downloaded|sent another file",
    other: "sent another file than the published",
}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(transfer, "START", 1.0)
    monkeypatch.setattr(transfer, "SLOWEST", 1e9)
    return tmp_path


@contextlib.contextmanager
def served(answer):
    """A server of one kind of answer."""

    def serve():
        with contextlib.suppress(OSError):  # the client hangs up, or the test is over
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(2**16)
                    answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x.gz"


@pytest.mark.parametrize("answer", SERVERS, ids=lambda answer: answer.__name__)
def test_a_hostile_server_ends_in_a_sentence(answer, cache):
    with served(answer) as url:
        start = time.monotonic()
        with pytest.raises(BluraxError, match=SERVERS[answer]) as caught:
            fetch.download(File("x.gz", url, "0" * 32, SIZE / 1e6), "mnist")
    assert time.monotonic() - start < 20
    assert "\x1b" not in str(caught.value)
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_a_slow_server_that_is_fast_enough(cache, monkeypatch):
    monkeypatch.setattr(transfer, "START", 30.0)
    body = bytes(50)

    def slow(connection):
        connection.sendall(OK + b"Content-Length: 50\r\n\r\n")
        for _ in body:
            connection.sendall(b"\0")
            time.sleep(0.03)

    md5 = "871bdd96b159c14d15c8d97d9111e9c8"
    with served(slow) as url:
        assert fetch.download(File("x", url, md5, 50 / 1e6), "a").read_bytes() == body


def test_the_time_grows_with_the_size():
    emnist = transfer.Transfer(562e6, lambda size: None)
    assert 10_000 < emnist.seconds < 12_000
    assert transfer.Transfer(5e3, lambda size: None).seconds == pytest.approx(60.1)
