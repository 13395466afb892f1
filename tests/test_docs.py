"""The site builds without a warning, and the reference is complete."""

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


def test_the_site_loads_nothing_from_elsewhere(site):
    asks = re.compile(r"""<(?:script|img|iframe|link)[^>]*\s(?:src|href)=["']?(?:https?:)?//""")
    written = list(site.rglob("*.html"))
    assert len(written) > 30
    assert [page.name for page in written if asks.search(page.read_text(encoding="utf-8"))] == []


API = sorted((pages.DOCS / "reference" / "api").glob("*.md"))
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
    return "".join(
        page.read_text(encoding="utf-8") for page in (site / "reference" / "api").glob("*.html")
    )


def test_the_reference_knows_the_whole_package():
    assert "blurax" in MODULES
    assert len(MODULES) >= 25
    inside = (pages.ROOT / "src" / "blurax").iterdir()
    rooms = {path.stem for path in inside if path.suffix != ".typed"}
    hidden = {"__init__", "__main__", "__pycache__", "cli"}
    hidden |= {"api", "comparison", "errors", "frozen", "version"}  # in `blurax` itself
    hidden |= {"bounds", "footprint", "memory", "programs"}  # limits: nothing to be called
    hidden |= {"choices", "genes"}  # `spec` and `genome` give all that is in them
    listed = {name.split(".")[1] for name in MODULES if "." in name}
    assert rooms - hidden - listed == set()


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_in_the_reference(name, reference):
    if name in ("blurax.export.torch_blur", "blurax.torch"):
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
