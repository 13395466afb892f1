"""The site builds without a warning, and what its pages show works."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import blurax
import pages

DOCS = pages.ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built as anybody would; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=pages.ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_the_site_asks_nobody(site):
    asks = re.compile(r"""<(?:script|img|iframe|link)[^>]*\s(?:src|href)=["']?(?:https?:)?//""")
    written = list(site.rglob("*.html"))
    assert len(written) > 30
    assert [page.name for page in written if asks.search(page.read_text())] == []


def test_every_public_name_is_in_the_reference(site):
    reference = (site / "api" / "index.html").read_text()
    assert [name for name in blurax.__all__ if not getattr(blurax, name).__doc__] == []
    assert [name for name in blurax.__all__ if f'id="blurax.{name}"' not in reference] == []


@pytest.mark.usefixtures("float32", "unchecked")
@pytest.mark.parametrize("name", ["quickstart", "concepts", "extending"])
def test_the_python_of_a_page_runs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = pages.blocks((DOCS / f"{name}.md").read_text(), "python")
    assert blocks
    names = pages.run("\n".join(blocks), tmp_path)
    assert "lesson" not in names or names["lesson"].curve.accuracy[-1] > 0.8
    assert len(capsys.readouterr().out.splitlines()) >= 3


def test_the_commands_of_the_quickstart_parse(monkeypatch):
    blocks = pages.blocks((DOCS / "quickstart.md").read_text(), "sh")
    found = [words for block in blocks for words in pages.commands(block)]
    ours = [words for words in found if words[0] == "blurax"]
    assert len(ours) >= 8
    for words in ours:
        pages.parse(words, monkeypatch)
