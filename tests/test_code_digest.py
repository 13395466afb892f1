"""Which code a learner of the user's own is: its file, and what the user wrote that it imports."""

import functools
import hashlib
import importlib
import sys

import pytest

from blurax.baselines import code_digest
from blurax.cli.learner import run_file
from blurax.errors import BluraxError

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


def test_what_is_imported_within_a_function_counts_before_it_has_run(written):
    """The digest is one of texts: it is the same before and after a step has been traced."""
    rule = "class Rule:\n    def step(self):\n        import lazily\n        return lazily.RATE\n"
    module = written(rule_of_lazy=rule, lazily="RATE = 1\n")
    first = code_digest(module.Rule)
    assert module.Rule().step() == 1
    assert code_digest(module.Rule) == first
    assert code_digest(written(rule_of_lazy=rule, lazily="RATE = 2\n").Rule) != first


def test_helpers_that_change_places_are_others(written):
    rule = "import one_helper, other_helper\nclass Rule: ...\n"
    texts = {"one_helper": "RATE = 1\n", "other_helper": "RATE = 2\n"}
    first = code_digest(written(rule_of_two=rule, **texts).Rule)
    turned = dict(zip(texts, reversed(texts.values()), strict=True))
    assert code_digest(written(rule_of_two=rule, **turned).Rule) != first


def test_optional_imports_that_lead_nowhere_do_not_count(written, tmp_path):
    text = "try:\n    from ... import extras\nexcept ImportError:\n    extras = None\nimport gone\n"
    module = written(rule_of_none="class Rule: ...\n")
    (tmp_path / "rule_of_none.py").write_text(text, encoding="utf-8")
    assert code_digest(module.Rule) == hashlib.sha256(text.encode()).hexdigest()


def test_a_partial_function_is_the_one_it_calls(written):
    make = "def make(rate):\n    return rate\n"
    first = code_digest(functools.partial(written(maker=make).make, 1))
    other = code_digest(functools.partial(written(maker=make + "#").make, 1))
    assert first == hashlib.sha256(make.encode()).hexdigest()
    assert first != other


def test_a_helper_whose_name_is_taken_is_a_sentence(tmp_path):
    """Of two files with helpers of one name the second would run with the first one's."""
    for folder, rate in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "rate_of.py").write_text(f"RATE = {rate}\n", encoding="utf-8")
        text = "from rate_of import RATE\n"
        (tmp_path / folder / "mine.py").write_text(text, encoding="utf-8")
    before = [*sys.path]
    try:
        assert run_file(str(tmp_path / "a" / "mine.py")).RATE == 1
        with pytest.raises(BluraxError, match=r"imports rate_of, and Python has .* under"):
            run_file(str(tmp_path / "b" / "mine.py"))
    finally:
        sys.path[:] = before
        for name in [name for name, module in sys.modules.items() if str(tmp_path) in str(module)]:
            del sys.modules[name]


def test_a_file_beside_it_that_is_called_like_pythons_own_is_left_alone(tmp_path):
    (tmp_path / "json.py").write_text("raise RuntimeError\n", encoding="utf-8")
    (tmp_path / "with_json.py").write_text("import json\nONE = json.loads('1')\n", "utf-8")
    before = [*sys.path]
    try:
        assert run_file(str(tmp_path / "with_json.py")).ONE == 1
    finally:
        sys.path[:] = before


def test_files_that_import_each_other_end(written):
    module = written(one="import two\nclass Rule: ...\n", two="import one\n")
    assert len(code_digest(module.Rule)) == 64
