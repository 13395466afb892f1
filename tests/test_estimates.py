"""The study of the estimators: a small one is made, kept, read and drawn."""

import numpy as np
import pytest

from blurax.analysis.estimators_view import draw_estimators, estimators_markdown
from blurax.errors import BluraxError
from blurax.experiments import estimators
from blurax.outer.estimates import Measured, Result, read, write


@pytest.fixture(scope="module")
def study():
    patch = pytest.MonkeyPatch()
    patch.setattr(estimators, "WINDOWS", (10, 20))
    patch.setattr(estimators, "SIGMAS", (0.05,))
    patch.setattr(estimators, "PAIRS", 4)
    yield estimators.measure(draws=8)
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


def test_it_is_kept_and_drawn(study, tmp_path):
    write(tmp_path / "study.json", study)
    assert read(tmp_path / "study.json") == study
    assert draw_estimators(study, tmp_path / "study.png").stat().st_size > 20_000
    table = estimators_markdown(study)
    assert table.count("\n") == 2 + len(study.measured)
    assert "| truncated gradient | - | 20 | 0.000 |" in table


def test_another_file_is_refused(tmp_path):
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BluraxError):
        read(tmp_path / "x.json")
    with pytest.raises(BluraxError, match="not a measurement of estimators"):
        read(tmp_path / "nothing.json")


def test_a_result_keeps_its_types(unchecked):
    one = Measured("pes", 2, 0.1, 0.5, 0.1, 2.0, 0.9)
    with pytest.raises(BluraxError, match=r"Result\.draws is 'many'"):
        Result(draws="many", pairs=1, steps=2, measured=(one,))
