"""What is imported when: a name of blurax where it is used, a command where it is run."""

import ast
import subprocess
import sys
import types
from pathlib import Path

import pytest

import blurax

HEAVY = (
    *("jax", "numpy", "equinox", "sklearn", "scipy", "matplotlib", "optax", "tyro", "rich"),
    *("requests", "pooch", "PIL", "blurax.tasks"),
)


def loaded(code: str) -> set[str]:
    """Which heavy modules are there after the code has run in a process of its own."""
    code = f"import sys\n{code}\nprint('|', *sys.modules.keys() & set({HEAVY}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    return set(done.stdout.rpartition("|")[2].split())


@pytest.mark.parametrize(
    "code",
    [
        "import blurax",
        "import blurax; blurax.BluraxError; dir(blurax)",
        "import blurax.cli.commands",
        "from blurax.cli.commands import main; main(['--help'])",
        "from blurax.cli.commands import main; main(['--version'])",
        "from blurax.cli.commands import main; main(['trian'])",
    ],
)
def test_nothing_heavy_is_imported(code):
    assert loaded(code) == set()


def test_a_genome_is_loaded_without_what_it_does_not_need():
    found = loaded("import blurax; blurax.load('default'); blurax.task('xor'); blurax.learn")
    assert not found & {"sklearn", "scipy", "matplotlib", "tyro", "requests", "pooch", "PIL"}


def test_the_estimators_are_what_needs_scikit_learn():
    found = loaded("import blurax; blurax.BlurClassifier")
    assert "sklearn" in found
    assert not found & {"matplotlib", "optax", "tyro", "requests", "pooch", "PIL", "blurax.tasks"}


def test_every_name_is_at_hand():
    names: dict = {}
    exec("from blurax import *", names)
    assert {*blurax.__all__} <= {*names}
    assert {*blurax.__all__} <= {*dir(blurax)}
    assert blurax.task is blurax.tasks.get
    for room in ("io", "outer", "tasks", "genome", "rules", "zoo"):
        assert isinstance(getattr(blurax, room), types.ModuleType)
    with pytest.raises(AttributeError, match="module 'blurax' has no attribute 'nothing'"):
        _ = blurax.nothing
    assert not hasattr(blurax, "nothing")


def test_rooms_are_at_hand_without_an_import_of_their_own():
    assert loaded("import blurax; blurax.tasks.get('xor'); blurax.outer.config.MetaTrain") >= {
        "jax"
    }


def test_type_checkers_see_the_names_that_there_are():
    """What is imported for them is what `__getattr__` gives."""
    tree = ast.parse(Path(blurax.__file__).read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    given = {name: (f"blurax.{home}", own) for name, (home, own) in blurax._HOME.items()}
    assert seen == given
    assert sorted({*seen, "__version__"}) == blurax.__all__


def test_the_library_may_be_used_first_from_several_threads():
    """Each begins with another module, and so imports JAX by another of its parts."""
    code = (
        "import threading, blurax\n"
        "names, failed = list(blurax.__all__), []\n"
        "gate = threading.Barrier(8)\n"
        "def use(n):\n"
        "    gate.wait()\n"
        "    for name in names[n * 17 :] + names[: n * 17]:\n"
        "        try:\n"
        "            getattr(blurax, name)\n"
        "        except BaseException as error:\n"
        "            failed.append((name, repr(error)))\n"
        "threads = [threading.Thread(target=use, args=(n,)) for n in range(8)]\n"
        "[t.start() for t in threads]\n"
        "[t.join() for t in threads]\n"
        "assert not failed, failed"
    )
    assert "matplotlib" not in loaded(code)
