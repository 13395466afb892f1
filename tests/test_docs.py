"""The site builds without a warning, and what its pages show works."""

import enum
import importlib
import inspect
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import pages

DOCS = pages.ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built as anybody would; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(
        command, cwd=pages.ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_the_site_asks_nobody(site):
    asks = re.compile(r"""<(?:script|img|iframe|link)[^>]*\s(?:src|href)=["']?(?:https?:)?//""")
    written = list(site.rglob("*.html"))
    assert len(written) > 30
    assert [page.name for page in written if asks.search(page.read_text(encoding="utf-8"))] == []


API = sorted((DOCS / "api").glob("*.md"))
MODULES = sorted(
    {
        name
        for page in API
        for name in re.findall(r"^::: (\S+)", page.read_text(encoding="utf-8"), re.M)
    }
)


def public(module) -> list[str]:
    """What a module gives: what it says it gives, or all it defines that has no underscore."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    ]


def members(kind) -> list[str]:
    """The public functions and properties that a class defines itself."""
    defined = (types.FunctionType, property, classmethod, staticmethod)
    return [n for n, v in vars(kind).items() if isinstance(v, defined) and not n.startswith("_")]


@pytest.fixture(scope="module")
def reference(site) -> str:
    return "".join(page.read_text(encoding="utf-8") for page in (site / "api").glob("*.html"))


def test_the_reference_knows_the_whole_package():
    assert "blurax" in MODULES
    assert len(MODULES) >= 25
    rooms = {path.stem for path in (pages.ROOT / "src" / "blurax").iterdir()}
    hidden = {"__init__", "__main__", "__pycache__", "cli"}
    hidden |= {"api", "comparison", "errors", "frozen"}  # in `blurax` itself
    hidden |= {"bounds", "footprint", "memory"}  # what is refused: nothing to be called
    hidden |= {"choices", "genes", "gauge"}  # `spec` and `genome` give all that is in them
    listed = {name.split(".")[1] for name in MODULES if "." in name}
    assert rooms - hidden - listed == set()


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_in_the_reference(name, reference):
    if name == "blurax.export.torch_blur":
        pytest.importorskip("torch")
    module = importlib.import_module(name)
    found = public(module)
    assert found
    assert [n for n in found if f'id="{name}.{n}"' not in reference] == []
    for n in found:
        value = getattr(module, n)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, n
        if inspect.isclass(value) and not issubclass(value, enum.Enum):
            assert [m for m in members(value) if not getattr(value, m).__doc__] == []


@pytest.mark.usefixtures("float32", "unchecked", "own_tasks_forgotten", "own_baselines_forgotten")
@pytest.mark.parametrize("name", ["quickstart", "concepts", "extending", "comparison"])
def test_the_python_of_a_page_runs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = pages.blocks((DOCS / f"{name}.md").read_text(encoding="utf-8"), "python")
    assert blocks
    names = pages.run("\n".join(blocks), tmp_path)
    assert "lesson" not in names or names["lesson"].curve.accuracy[-1] > 0.8
    assert len(capsys.readouterr().out.splitlines()) >= 3


def test_the_python_of_the_estimators_page_runs(tmp_path):
    page = (DOCS / "estimator.md").read_text(encoding="utf-8")
    names = pages.run("\n".join(pages.blocks(page, "python")), tmp_path)
    assert names["rule"]["states"] == 4
    assert names["search"].param_grid == {"blurclassifier__genome": ["default", "steady"]}


def test_the_commands_of_the_quickstart_parse(monkeypatch):
    blocks = pages.blocks((DOCS / "quickstart.md").read_text(encoding="utf-8"), "sh")
    found = [words for block in blocks for words in pages.commands(block)]
    ours = [words for words in found if words[0] == "blurax"]
    assert len(ours) >= 8
    for words in ours:
        pages.parse(words, monkeypatch)
