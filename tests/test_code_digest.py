"""Which code a learner of the user's own is: its file, and what the user wrote that it imports."""

import hashlib
import importlib
import sys

import pytest

from blurax.baselines import code_digest

RULE = "import jax\nimport {helper}\n\nclass Rule:\n    rate = {helper}.RATE\n"


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write files, and import the first of them anew."""
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)

    def write(**files):
        for name in {*sys.modules} - known:
            if str(tmp_path) in str(getattr(sys.modules[name], "__file__", None)):
                del sys.modules[name]
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        try:
            return importlib.import_module(next(iter(files)).replace("__", "."))
        finally:
            sys.dont_write_bytecode = before

    yield write
    for name in {*sys.modules} - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", None)):
            del sys.modules[name]


def test_of_a_file_that_imports_libraries_alone_it_is_that_of_the_file(written, tmp_path):
    """So directories that were begun before imports counted are still their code's."""
    module = written(
        alone="import json\nimport jax, numpy as np\nfrom blurax import zoo\nclass Rule: ...\n"
    )
    held = (tmp_path / "alone.py").read_bytes()
    assert code_digest(module.Rule) == hashlib.sha256(held).hexdigest()


def test_what_it_imports_counts_and_what_that_imports(written):
    rule, middle = RULE.format(helper="middle"), "from lowest import RATE\n"
    first = code_digest(written(rule=rule, middle=middle, lowest="RATE = 1\n").Rule)
    again = code_digest(written(rule=rule, middle=middle, lowest="RATE = 1\n").Rule)
    other = code_digest(written(rule=rule, middle=middle, lowest="RATE = 2\n").Rule)
    middle_changed = code_digest(written(rule=rule, middle=middle + "#", lowest="RATE = 1\n").Rule)
    assert first == again
    assert len({first, other, middle_changed}) == 3


def test_a_package_of_the_users_own_counts_by_relative_imports(written):
    texts = {"pack____init__": "", "pack__helper": "RATE = 1\n"}
    rule = "from .helper import RATE\n\nclass Rule:\n    rate = RATE\n"
    first = code_digest(written(pack__rule=rule, **texts).Rule)
    texts["pack__helper"] = "RATE = 2\n"
    assert first != code_digest(written(pack__rule=rule, **texts).Rule)


def test_files_that_import_each_other_end(written):
    module = written(one="import two\nclass Rule: ...\n", two="import one\n")
    assert len(code_digest(module.Rule)) == 64
