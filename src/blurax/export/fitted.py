"""A fitted estimator as one Python file: what it has learned, and the code that predicts with it.

The forward sweep in the file is that of `numpy_blur.py`, word for word. Importing the file runs
nothing but what can be read in it: numbers are text (base64), and a SHA-256 covers all of it.
"""

import ast
import base64
import hashlib
import math
import os
import pprint
from collections.abc import Iterator
from typing import Any

import numpy as np

from blurax import genome as genomes
from blurax import io
from blurax.errors import BluraxError, require
from blurax.export import Library, check, graph_of
from blurax.export.template import CLASSIFIER, FILE, REGRESSOR
from blurax.frozen import to_json
from blurax.genome import Genome, at_step
from blurax.network import NetworkState
from blurax.sweeps import LayerMoments, normalise_stored, read
from blurax.version import __version__

WIDTH = 96
"""Characters in a line of base64."""


def write_fitted(
    path: str | os.PathLike[str],
    *,
    genome: Genome,
    state: NetworkState,
    moments: LayerMoments,
    shift: Any = 0.0,
    scale: Any = 1.0,
    clip: float | None = None,
    intercept: Any = 0.0,
    classes: np.ndarray | None = None,
    target_shift: Any = 0.0,
    target_scale: Any = 1.0,
    flat: bool = True,
) -> None:
    """Write a Python file that predicts as an estimator does, whole or not at all.

    It has `predict`, and for a classifier `predict_proba` and `CLASSES`; it needs NumPy alone.

    Args:
        path: where to; it ends in `.py`.
        state: the network that predictions are made with.
        moments: the means and variances that normalise its neurons.
        shift: what is subtracted from each input.
        scale: what then multiplies it, 0 where it is constant.
        clip: the largest size of an input after that; None for no bound.
        intercept: what is added to each output.
        classes: the labels, one for each output; None for numbers.
        target_shift: what is added to each output of a regressor.
        target_scale: what multiplies it before.
        flat: whether a regressor's predictions are `[n]`, of a single output.

    Raises:
        BluraxError: for another ending, labels that are no strings, numbers or booleans, a term
            or link that the file could not compute, or if the system refuses the file.
    """
    require(
        str(io.as_path(path)).endswith(".py"),
        f"path is {os.fspath(path)!r}; it takes a Python file to write, such as 'model.py'.",
    )
    check(genome.rule)
    if classes is not None:
        answers, own = CLASSIFIER, {"CLASSES": _labels(classes)}
    else:
        answers = REGRESSOR
        own = {"TARGET_SHIFT": _array(target_shift), "TARGET_SCALE": _array(target_scale)}
        own["FLAT"] = repr(bool(flat))
    parts = {
        "VERSION": __version__,
        "ANSWERS": answers,
        "INPUTS": str(state.sizes[0]),
        "FUNCTIONS": "\n\n\n".join(_functions("_first", "_forward", "_linked", "_resting")),
        "CLIP": repr(None if clip is None else float(clip)),
        "SHIFT": _array(shift),
        "SCALE": _array(scale),
        "INTERCEPT": _array(intercept),
        "OWN": "\n".join(f"{name} = {value}" for name, value in own.items()),
        **_network(genome, state, moments),
    }
    digest = hashlib.sha256(FILE.substitute(parts, SHA256="").encode()).hexdigest()
    io.write_text(path, FILE.substitute(parts, SHA256=digest))


def _network(genome: Genome, state: NetworkState, moments: LayerMoments) -> dict[str, str]:
    """The rule, the genes and the synapses in force, and the moments, as Python text."""
    genome = at_step(genome, state.steps)
    stored = normalise_stored(genome, state.network, state.synapses)
    synapses = read(genome, state.network, stored, predicting=True)
    genes = {n: leaf for n, leaf in genomes.leaves(genome).items() if n.startswith("neuron.")}
    if genome.rule.readout:
        sets = [state.network.gene_set(genome.rule, l) for l in range(len(synapses))]
        genes = {n: leaf[np.array(sets)] for n, leaf in genes.items()}
    edges = [f"({_array(s.forward)}, {_array(s.bias)}, None)" for s in synapses]
    pairs = [measured.get("normalisation") for measured in moments]
    pairs = [pair and f"({_array(pair[0])}, {_array(pair[1])})" for pair in pairs]
    return {
        "RULE": pprint.pformat(to_json(genome.rule), width=WIDTH),
        "GENES": "".join(f"    {name!r}: {_array(leaf)},\n" for name, leaf in genes.items()),
        "GRAPH": pprint.pformat(graph_of(state.network), width=WIDTH),
        "SYNAPSES": "".join(f"    {edge},\n" for edge in edges),
        "MOMENTS": "".join(f"    {pair},\n" for pair in pairs),
    }


def _array(values: Any) -> str:
    """The Python text of an array, read on any machine by the file's own `_array`, or of None."""
    if values is None:
        return "None"
    array = np.asarray(values)
    array = array.astype(array.dtype.newbyteorder("<"))
    text = base64.b64encode(array.tobytes()).decode()
    lines = [text[i : i + WIDTH] for i in range(0, len(text), WIDTH)]
    quoted = repr(text) if len(lines) <= 1 else '"""\n' + "\n".join(lines) + '\n"""'
    return f"_array({array.dtype.str!r}, {array.shape}, {quoted})"


def _labels(classes: np.ndarray) -> str:
    """The Python text of an array of labels."""
    labels = np.asarray(classes)
    values = [v.item() if isinstance(v, np.generic) else v for v in labels.tolist()]
    for value in values:
        plain = type(value) in (str, int, bool) or (type(value) is float and math.isfinite(value))
        if not plain:
            raise BluraxError(
                f"The label {value!r} cannot be written to a file; strings, whole and finite "
                "numbers, True and False can."
            )
    kind = labels.dtype.str if labels.dtype.kind in "biufU" else "object"
    return f"np.array({values!a}, dtype={kind!r})"


def _functions(*wanted: str) -> Iterator[str]:
    """The source of functions of `numpy_blur.py` and of those that they call, in its order."""
    source = Library.NUMPY.file.read_text(encoding="utf-8")
    found = {f.name: f for f in ast.parse(source).body if isinstance(f, ast.FunctionDef)}
    needed, left = set(), list(wanted)
    while left:
        name = left.pop()
        needed.add(name)
        called = {node.id for node in ast.walk(found[name]) if isinstance(node, ast.Name)}
        left += (called & set(found)) - needed
    for name, function in found.items():
        if name in needed:
            yield ast.get_source_segment(source, function) or ""
