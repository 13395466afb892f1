"""What the README shows works."""

import pytest

import blurax
import pages

README = (pages.ROOT / "README.md").read_text(encoding="utf-8")


def test_it_fits_on_two_screens():
    assert len(README.split()) <= 700


@pytest.mark.usefixtures("float32", "unchecked")
def test_the_rule_learns_its_numbers(tmp_path):
    code = pages.blocks(README, "python")[0]
    assert "meta_steps=60" in code  # which takes a minute
    names = pages.run(code.replace("meta_steps=60", "meta_steps=12"), tmp_path)
    assert names["losses"][-1] < names["losses"][0] - 0.5
    task, keys = names["task"], names["jax"].random.split(names["jax"].random.key(0), 2)
    before, after = (
        blurax.learning_curve(names[rule], task, keys, (10,), blurax.Split.TEST)[1].accuracy.mean()
        for rule in ("rule", "learned")
    )
    assert after > before + 0.3


@pytest.mark.usefixtures("float32", "unchecked")
def test_the_estimator_learns(tmp_path, capsys):
    pages.run(pages.blocks(README, "python")[1], tmp_path)
    assert float(capsys.readouterr().out) > 0.95


def test_every_public_name_is_documented():
    assert [name for name in blurax.__all__ if not getattr(blurax, name).__doc__] == []
