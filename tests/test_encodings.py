"""Text is read and written in a stated encoding: that of the locale differs from place to place."""

import ast
import os
import subprocess
import sys

import pytest

import pages
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.tasks import EpisodeSpec

FOLDERS = ("src", "benchmarks", "tests", "docs")
PLACES = {"open": 3, "read_text": 0, "write_text": 1, "fdopen": 3}
"""The place of the encoding among the arguments of what opens a text."""
NAME = "Läufe"


def lacks_encoding(call):
    """Whether a call opens or decodes a text in whatever encoding the locale has."""
    function, named = call.func, {word.arg: word.value for word in call.keywords}
    name = getattr(function, "attr", getattr(function, "id", ""))
    of_module = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
    module = function.value.id if of_module else ""
    if name in ("run", "Popen", "check_output") and module == "subprocess":
        return "encoding" not in named and ("text" in named or "universal_newlines" in named)
    if name not in PLACES or "encoding" in named or module in ("tarfile", "Image", "archive"):
        return False
    if name == "open":
        method = isinstance(function, ast.Attribute) and module not in ("io", "gzip", "bz2", "lzma")
        place = 0 if method else 1
        mode = named.get("mode", call.args[place] if len(call.args) > place else None)
        if module == "os" or (isinstance(mode, ast.Constant) and "b" in str(mode.value)):
            return False
        return len(call.args) <= place + 2
    return len(call.args) <= PLACES[name]


def test_every_text_states_its_encoding():
    found = []
    for folder in FOLDERS:
        for path in sorted((pages.ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and lacks_encoding(node):
                    found.append(f"{path.relative_to(pages.ROOT)}:{node.lineno}")
    assert not found


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("open(x)", True),
        ("open(x, 'w')", True),
        ("open(x, 'rb')", False),
        ("open(x, mode)", True),
        ("open(x, encoding='utf-8')", False),
        ("path.open()", True),
        ("path.open('wb')", False),
        ("os.open(x, y)", False),
        ("path.read_text()", True),
        ("path.read_text('utf-8')", False),
        ("path.write_text(x)", True),
        ("path.write_text(x, 'utf-8')", False),
        ("subprocess.run(x, text=True)", True),
        ("subprocess.run(x, encoding='utf-8')", False),
    ],
)
def test_what_is_found(text, lacks):
    assert lacks_encoding(ast.parse(text, mode="eval").body) is lacks


@pytest.mark.skipif(sys.platform == "win32", reason="takes a locale")
def test_umlauts_in_a_path_where_the_locale_is_ascii(tmp_path):
    config = MetaTrain(
        tasks=("iris",), hidden=("3",), meta_steps=1, episode=EpisodeSpec(2, 8, 8), population=1
    )
    run.start(config, tmp_path / NAME / "eins")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for words in (
        ("meta-train", "--resume", f"{NAME}/eins"),
        ("runs", NAME),
        ("report", f"{NAME}/eins", "--no-inside", "--html", f"{NAME}/ö.html"),
        ("show", f"{NAME}/eins/best.safetensors", "--png", f"{NAME}/ä.png"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "blurax", *words],
            cwd=tmp_path,
            env={**os.environ, **ascii_only},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), words
        assert words[0] not in ("meta-train", "runs") or "eins" in done.stdout
    left = {path.name for path in (tmp_path / NAME).iterdir()}
    assert left == {"eins", "ö.html", "ä.png"}
