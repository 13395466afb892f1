"""A few attacks of each kind, as `benchmarks/faults.py` makes them: nothing falls."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "faults.py"
FAULTS = "traceback", "abort", "silent loss", "hang", "raw", "unbounded", "left behind"


@pytest.mark.skipif(sys.platform != "linux", reason="the harness bounds processes as Linux does")
def test_nothing_falls_under_a_few_attacks(tmp_path):
    out = tmp_path / "faults.json"
    # The harness says what XLA is told: undisturbed and disturbed runs must be compiled alike.
    surroundings = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    ended = subprocess.run(
        [sys.executable, str(SCRIPT), "--smoke", "--seed", "0", "--out", str(out)],
        capture_output=True,
        encoding="utf-8",
        env=surroundings,
        timeout=1200,
    )
    assert out.exists(), ended.stderr[-3000:]
    found = json.loads(out.read_text("utf-8"))
    told = "\n".join(f"{f['outcome']}: {f['attack']}, {f['what']}" for f in found["faults"])
    assert not found["faults"], told
    assert ended.returncode == 0
    sections = {name.partition(":")[0] for name in found["outcomes"]}
    assert sections == {"mutations", "tampering", "writers", "sizes", "servers", "kills"}
    for outcomes in found["outcomes"].values():
        assert not set(outcomes) & set(FAULTS)
