"""The inner loop against the authors' own code: 58 runs of theirs, step by step."""

import pytest

from blurax.inner import predict
from blurax.network import Network
from closeness import error
from parity import NAMES, Run
from variants import jit, run

TOLERANCE = 1e-12
answer = jit(predict)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_of_the_authors_code_is_ours(name: str):
    theirs = Run(NAMES.index(name))
    end, (_, infos) = run(theirs.genome, theirs.state, *theirs.batches)
    assert error(infos.prediction, theirs["prediction"]) <= TOLERANCE
    for mine, (up, bias, down) in zip(end.synapses, theirs.learned, strict=True):
        assert error(mine.forward, up) <= TOLERANCE
        assert error(mine.bias, bias) <= TOLERANCE
        assert (mine.backward is None) == (down is None)
        if down is not None:
            assert error(mine.backward, down) <= TOLERANCE
    if theirs.answer is not None:
        assert error(answer(theirs.genome, end, theirs.query), theirs.answer) <= TOLERANCE


def test_there_are_58_of_them_and_each_learns():
    assert len(NAMES) == 58
    for number in range(len(NAMES)):
        theirs = Run(number)
        assert theirs.state.sizes == Network(tuple(theirs.meta["sizes"])).sizes
        pairs = zip(theirs.learned, theirs.initial, strict=True)
        moved = [error(new[0], old[0]) for new, old in pairs]
        assert max(moved) > 1e-3
