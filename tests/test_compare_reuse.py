"""Cells of an earlier comparison are taken over where they would be the same, and only there."""

import pytest

from blurax.errors import BluraxError
from blurax.experiments import compare
from blurax.experiments.compare_cells import cell_path
from blurax.experiments.compare_reuse import reuse
from test_compare import entrants_of, finished, genome_file, plan_for  # noqa: F401  the fixtures


def test_shared_cells_are_taken_over_to_the_byte(finished, genome_file, tmp_path):  # noqa: F811
    other, _ = finished
    plan = plan_for(genome_file, nets=("0", "3", "2"), genomes=(), baselines=("fa", "sgd"))
    compare.start(plan, (), tmp_path)
    assert reuse(plan, tmp_path, other) == 4
    theirs = compare.read_plan(other)
    for net in ("3", "0"):
        mine = cell_path(tmp_path, plan, "iris", net, "fa").read_bytes()
        assert mine == cell_path(other, theirs, "iris", net, "fa").read_bytes()
    assert not cell_path(tmp_path, plan, "iris", "2", "fa").exists()
    assert reuse(plan, tmp_path, other) == 0


def test_a_genome_is_shared_only_if_it_is_the_same(finished, genome_file, tmp_path):  # noqa: F811
    other, _ = finished
    same = plan_for(genome_file, baselines=())
    compare.start(same, entrants_of(genome_file), tmp_path / "same")
    assert reuse(same, tmp_path / "same", other) == 2
    renamed = tmp_path / "another.safetensors"
    renamed.write_bytes(genome_file.read_bytes())
    unlike = plan_for(renamed, baselines=())
    compare.start(unlike, entrants_of(renamed), tmp_path / "unlike")
    assert reuse(unlike, tmp_path / "unlike", other) == 0


@pytest.mark.parametrize("values", [{"seeds": 3}, {"batch": 4}, {"budgets": (2, 5)}, {"seed": 1}])
def test_other_settings_are_refused(finished, genome_file, tmp_path, values):  # noqa: F811
    plan = plan_for(genome_file, **values)
    compare.start(plan, entrants_of(genome_file), tmp_path)
    with pytest.raises(BluraxError, match=f"has {next(iter(values))} "):
        reuse(plan, tmp_path, finished[0])
