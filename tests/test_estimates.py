"""The study of the estimators: a small one is made and drawn."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import gradients


@pytest.fixture(scope="module")
def study():
    patch = pytest.MonkeyPatch()
    patch.setattr(gradients, "WINDOWS", (10, 20))
    patch.setattr(gradients, "SIGMAS", (0.05,))
    patch.setattr(gradients, "PAIRS", 4)
    yield gradients.measure(draws=8)
    patch.undo()


def test_what_is_known_of_estimators_shows(study):
    found = {(m.name, m.window): m for m in study.measured}
    assert set(found) == {
        ("truncated", 10), ("truncated", 20), ("es", 20), ("pes", 10), ("nres", 5),
    }  # fmt: skip
    whole, half = found["truncated", 20], found["truncated", 10]
    assert whole.bias < 1e-6 < 0.05 < half.bias  # blind to what came before its window
    assert whole.cosine == pytest.approx(1)
    assert whole.deviation == half.deviation == 0  # gradients have no noise of their own
    assert found["es", 20].deviation > 0.1
    # at a fixed genome the same noise all through an episode is ES on the whole of it
    np.testing.assert_allclose(found["nres", 5].bias, found["es", 20].bias, rtol=1e-6)
    np.testing.assert_allclose(found["nres", 5].deviation, found["es", 20].deviation, rtol=1e-6)


def test_it_is_drawn(study, tmp_path):
    assert gradients.draw_estimators(study, tmp_path / "study.png").stat().st_size > 20_000
    table = gradients.estimators_markdown(study)
    assert table.count("\n") == 2 + len(study.measured)
    assert "| truncated gradient | - | 20 | 0.000 |" in table
