"""Files missing, wrong or broken off: a sentence with the remedy, and nothing is trusted."""

import gzip
import hashlib
import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile

import numpy as np
import pytest

from blurax.errors import BluraxError
from blurax.tasks import fetch, get, sources
from blurax.tasks.catalogue import TASKS
from blurax.tasks.sources import SOURCES, File
from fake_data import idx, images, labels, listed, write_idx, write_omniglot


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder of our own, an empty cache, and no network."""
    folder = tmp_path / "data"
    (folder / "mnist").mkdir(parents=True)
    monkeypatch.setenv("BLURAX_DATA", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    point_at(monkeypatch, "mnist", "http://127.0.0.1:9/")
    return folder


def point_at(monkeypatch, name: str, base: str, served: dict[str, bytes] | None = None) -> None:
    """Let a data set be downloaded from elsewhere, or be another one."""
    old = SOURCES[name]
    files = [File(f.name, base + f.name, f.md5, f.megabytes) for f in old.files]
    for number, file in enumerate(files if served else ()):
        data = served[file.name]
        md5 = hashlib.md5(data).hexdigest()
        files[number] = File(file.name, file.url, md5, len(data) / 1e6)
    fields = {**vars(old), "files": tuple(files)}
    new = sources.Source(**fields)
    monkeypatch.setitem(SOURCES, name, new)
    from blurax.tasks.catalogue import _image

    monkeypatch.setitem(TASKS, name, _image(new))


X, Y = images(20), labels(20)
IMAGES, LABELS = gzip.compress(idx(X)), gzip.compress(idx(Y))
NAME = "mnist:train=0,test=20"

BAD = {
    "magic number": (b"\x00\x00\x0d\x03" + idx(X)[4:], LABELS, "starts with 00 00 0d 03, not with"),
    "labels for images": (LABELS, LABELS, "not with 00 00 08 03"),
    "text": (b"<html>404</html>", LABELS, "starts with 3c 68 74 6d"),
    "empty": (b"", LABELS, "starts with nothing"),
    "truncated gzip": (IMAGES[:-100], LABELS, "is truncated: its gzip stream has no end"),
    "damaged gzip": (IMAGES[:500] + b"xxxx" + IMAGES[504:], LABELS, "damaged"),
    "truncated idx": (idx(X)[:-1], LABELS, "holds 15679 bytes where its header says 15680"),
    "header cut": (idx(X)[:9], LABELS, "ends within its header"),
    "fewer labels": (IMAGES, gzip.compress(idx(labels(19))), "20 images, but t10k-labels.* 19 lab"),
    "more labels": (IMAGES, gzip.compress(idx(labels(21))), "20 images, but t10k-labels.* 21 lab"),
    "strange labels": (IMAGES, gzip.compress(idx(Y + 5)), "labels from 5 to 14; mnist has 0 to 9"),
    "other images": (gzip.compress(idx(images(20, 32))), LABELS, "images of 32x32"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_named_with_a_remedy(name, data):
    content, marks, message = BAD[name]
    path = data / "mnist/t10k-images-idx3-ubyte.gz"
    path.write_bytes(content)
    (data / "mnist/t10k-labels-idx1-ubyte.gz").write_bytes(marks)
    listed(data)
    with pytest.raises(BluraxError, match=message) as caught:
        get(NAME)
    blamed = "labels-idx1" if name == "strange labels" else "images-idx3"
    assert f"t10k-{blamed}-ubyte.gz" in str(caught.value)
    assert "\n" not in str(caught.value)
    if name not in ("strange labels", "other images"):
        assert "get a good copy" in str(caught.value)


def test_a_file_that_differs_from_the_manifest_is_refused(data):
    write_idx(data / "mnist", "t10k", X, Y)
    listed(data)
    assert len(get(NAME).x) == 20
    write_idx(data / "mnist", "t10k", X[::-1], Y)
    with pytest.raises(BluraxError, match=r"has the sha256 .*MANIFEST.txt lists .*get a good copy"):
        get(NAME)


def test_a_file_that_differs_from_the_published_one_is_refused(data):
    write_idx(data / "mnist", "t10k", X, Y)
    with pytest.raises(BluraxError, match=r"has the md5 .* the published t10k-images"):
        get(NAME)


def test_a_bad_manifest_is_refused(data):
    write_idx(data / "mnist", "t10k", X, Y)
    (data / "MANIFEST.txt").write_text("one two\n", encoding="utf-8")
    with pytest.raises(BluraxError, match=r"MANIFEST.txt: line 1 is not of the form"):
        get(NAME)


def test_images_without_labels_are_refused(data):
    write_idx(data / "mnist", "t10k", X, Y)
    (data / "mnist/t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(BluraxError, match=r"is there, but t10k-labels-idx1-ubyte.gz"):
        get(NAME)


def test_a_data_folder_that_is_none_is_refused(monkeypatch):
    monkeypatch.setenv("BLURAX_DATA", "/no/such/folder")
    with pytest.raises(BluraxError, match=r"BLURAX_DATA is '/no/such/folder', which is no folder"):
        get("mnist")


def test_no_network_is_told_with_the_remedy(data):
    with pytest.raises(BluraxError) as caught:
        get("mnist")
    message = str(caught.value)
    for part in ("train-images-idx3-ubyte.gz of mnist", "127.0.0.1", "(no connection)", "put it"):
        assert part in message
    assert not any(p.is_file() for p in fetch.cache_folder().rglob("*"))


def test_a_part_that_is_at_hand_is_offered(data):
    write_idx(data / "mnist", "t10k", X, Y)
    with pytest.raises(BluraxError, match=r"mnist:train=0 does without"):
        get("mnist")
    with pytest.raises(BluraxError, match=r"the first 20 of 10,000 .* mnist:train=0,test=20, and"):
        get("mnist:train=0")


@pytest.mark.parametrize("bad", ["../escape.png", "/etc/escape.png", "a/../../b.png", "C:/x.png"])
def test_a_zip_that_climbs_out_is_refused(bad, data, tmp_path):
    path = data / "omniglot/images_background.zip"
    write_omniglot(path, "images_background", {"A": 1})
    shutil.copy(path, path.with_name("images_evaluation.zip"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(bad, b"x")
    listed(data)
    with pytest.raises(BluraxError, match=r"images_background.zip holds .* not to be trusted"):
        get("omniglot")
    assert not list(tmp_path.rglob("escape.png"))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"PK\x03\x04 and no more", "no readable zip"), (None, "is no readable PNG")],
)
def test_a_damaged_zip_is_refused(content, message, data):
    path = data / "omniglot/images_background.zip"
    path.parent.mkdir()
    if content is None:
        with zipfile.ZipFile(path, "w") as archive:
            for n in range(964):
                folder = f"images_background/A/character{n + 1:02}"
                for drawing in range(1, 21):
                    archive.writestr(f"{folder}/{n:04}_{drawing:02}.png", b"no picture")
    else:
        path.write_bytes(content)
    listed(data)
    with pytest.raises(BluraxError, match=message):
        get("omniglot")


def test_damaged_npz_and_tar_are_refused(data):
    folder = data / "cifar10"
    folder.mkdir()
    (folder / "x.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(BluraxError, match=r"x.npz is no readable npz archive"):
        get("cifar10:train=0,test=20")
    np.savez(folder / "x.npz", x_test=np.array([{}], dtype=object), y_test=labels(20))
    with pytest.raises(BluraxError, match=r"x.npz is no readable npz .* allow_pickle"):
        get("cifar10:train=0,test=20")
    np.savez(folder / "x.npz", x_test=images(20, 32, 3))
    with pytest.raises(BluraxError, match=r"x.npz has no array y_test"):
        get("cifar10:train=0,test=20")
    (folder / "x.npz").unlink()
    (folder / "cifar-10-binary.tar.gz").write_bytes(b"no tar")
    listed(data)
    with pytest.raises(BluraxError, match=r"is no CIFAR-10 binary archive"):
        get("cifar10:train=0,test=20")


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; a file called `*.cut` of the same name says after how many bytes to stop."""

    def do_GET(self):
        path = self.translate_path(self.path)
        if not os.path.exists(path):
            self.send_error(404)
            return
        with open(path, "rb") as file:
            content = file.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if os.path.exists(path + ".cut"):
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            if os.path.exists(path + ".hang"):
                time.sleep(20)
            return
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch, data):
    """The four files of a small MNIST on a server of our own."""
    folder = tmp_path / "served"
    write_idx(folder, "train", images(60_000, 28)[:60_000], labels(60_000))
    write_idx(folder, "t10k", images(10_000, 28), labels(10_000))
    handler = lambda *a: Server(*a, directory=str(folder))  # noqa: E731
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{running.server_address[1]}/"
        served = {p.name: p.read_bytes() for p in folder.iterdir()}
        md5s = {name: hashlib.md5(data).hexdigest() for name, data in served.items()}
        point_at(monkeypatch, "mnist", base, served)
        yield folder, base, md5s
        running.shutdown()


def cached():
    return sorted(p.name for p in fetch.cache_folder().rglob("*") if p.is_file())


def test_downloads_are_checked_kept_and_not_repeated(server, capsys):
    folder, _, _ = server
    victim = folder / "t10k-labels-idx1-ubyte.gz"
    whole = victim.read_bytes()

    victim.write_bytes(whole[:-1] + b"?")  # the server sends another file
    with pytest.raises(BluraxError, match=r"sent another file than the published t10k-labels"):
        get("mnist:train=0")
    assert cached() == ["t10k-images-idx3-ubyte.gz"]

    victim.write_bytes(whole)
    (folder / (victim.name + ".cut")).touch()  # the connection breaks off
    with pytest.raises(BluraxError, match=r"t10k-labels.*the connection broke off"):
        get("mnist:train=0")
    assert cached() == ["t10k-images-idx3-ubyte.gz"]

    (folder / (victim.name + ".cut")).unlink()
    victim.rename(folder / "away")
    with pytest.raises(BluraxError, match=r"HTTP status 404"):
        get("mnist:train=0")
    (folder / "away").rename(victim)

    assert get("mnist").bounds == (50_000, 60_000)
    assert len(cached()) == 4
    shutil.rmtree(folder)
    assert get("mnist").x.shape == (70_000, 784)  # from the cache

    path = fetch.cache_folder() / "mnist" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])  # and a cache that was damaged is not trusted
    with pytest.raises(BluraxError, match=r"has the md5"):
        get("mnist")


KILLED = """
from blurax.tasks import fetch
from blurax.tasks.sources import File
print("go", flush=True)
fetch.download(File("{name}", "{base}{name}", "{md5}", 0.1), "mnist")
"""


def test_a_killed_download_leaves_nothing_that_is_trusted(server):
    folder, base, md5s = server
    name = "t10k-labels-idx1-ubyte.gz"
    for ending in (".cut", ".hang"):
        (folder / (name + ending)).touch()
    code = KILLED.format(name=name, base=base, md5=md5s[name])
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"go\n"
    deadline = time.monotonic() + 60
    while not cached() and time.monotonic() < deadline:
        time.sleep(0.05)  # until the first bytes have arrived
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert cached()
    assert name not in cached()
    for ending in (".cut", ".hang"):
        (folder / (name + ending)).unlink()
    assert get("mnist:train=0").bounds == (6_000, 8_000)


def test_what_cannot_be_written_is_told(server, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(BluraxError, match=r"cannot be made a directory"):
        get("mnist:train=0")
