"""The rules that the pages show can be named on the command line, as their shell lines do."""

import ast
import re

import pytest

import blurax.cli.bench
import blurax.cli.commands as cli
import blurax.cli.meta_train
import pages
from blurax import io
from blurax.cli.learner import load_learner_class
from blurax.fit import network_for
from blurax.outer.numbers import check_step, name_of
from blurax.tasks import get

NAMES = [str(path.relative_to(pages.DOCS))[:-3] for path in pages.DOCS.rglob("*.md")]
TEXTS = {name: pages.page(name) for name in NAMES}
TEXTS["README"] = (pages.ROOT / "README.md").read_text(encoding="utf-8")
NAMED = re.compile(r"my_rules\.py:([A-Z]\w*)")
"""A class; a function that makes a learner begins with a small letter."""
SHOWN = sorted((page, rule) for page, text in TEXTS.items() for rule in {*NAMED.findall(text)})
LINES = [
    (page, words)
    for page, text in TEXTS.items()
    for block in pages.blocks(text, "sh")
    for words in pages.commands(block)
    if words[:2] in (["blurax", "meta-train"], ["blurax", "bench"])
    and any(NAMED.search(word) for word in words)
]


def code_of(page: str, rule: str) -> str:
    """The imports and the class of a rule, from the page that names it, or the README."""
    for text in (TEXTS[page], TEXTS["README"]):
        parts, found = [], False
        for block in pages.blocks(text, "python"):
            for node in ast.parse(block).body:
                mine = isinstance(node, ast.ClassDef) and node.name == rule
                found |= mine
                if mine or isinstance(node, ast.Import | ast.ImportFrom):
                    parts.append(ast.get_source_segment(block, node) or "")
            if found:
                return "\n".join(parts)
    raise AssertionError(f"{page} names {rule}, which neither it nor the README shows")


def test_pages_that_name_rules_are_found():
    assert {("how-to/own-rule", "Fading"), ("how-to/bench", "MyRule")} <= {*SHOWN}
    pages_of_lines = {page for page, _ in LINES}
    assert pages_of_lines >= {"how-to/own-rule", "how-to/own-rule-compared", "how-to/bench"}


@pytest.mark.usefixtures("float32", "unchecked")
@pytest.mark.parametrize(("page", "rule"), SHOWN)
def test_a_rule_of_a_page_is_made_of_a_network_alone(page, rule, tmp_path):
    file, digits = tmp_path / "my_rules.py", get("digits")
    file.write_text(code_of(page, rule), encoding="utf-8")
    learner = load_learner_class(f"{file}:{rule}", network_for(digits, "32"))
    assert name_of(learner) == rule
    check_step(learner, digits)


@pytest.mark.usefixtures("float32", "unchecked")
@pytest.mark.parametrize("page", sorted({page for page, _ in LINES}))
def test_the_shell_lines_of_a_page_begin(page, tmp_path, monkeypatch, capsys):
    """All that a run or a bench checks before its first step; the lines after it resume it."""
    monkeypatch.chdir(tmp_path)
    begun = []
    monkeypatch.setattr(blurax.cli.meta_train, "_advance", lambda *of: begun.append(of[1]))
    monkeypatch.setattr(blurax.cli.bench, "_advance", lambda *of: begun.append(of[0]))
    lines = [words for name, words in LINES if name == page]
    rules = {rule for words in lines for rule in NAMED.findall(" ".join(words))}
    io.write_text(tmp_path / "my_rules.py", "\n".join(code_of(page, rule) for rule in rules))
    for words in lines:
        words = [word.replace("docs/", f"{pages.DOCS}/") for word in words]
        assert cli.main(words[1:]) == 0, capsys.readouterr().err
    assert len(begun) == len(lines)
