"""What a fitted estimator's file looks like; `fitted.py` fills it in."""

import string

FILE = string.Template('''\
"""A fitted estimator of blurax ${VERSION}; it needs NumPy and nothing else.

Import it under the file's name and call `predict(X)`, where X is [n, ${INPUTS}]: one row or many,
a row's prediction does not depend on the others. A classifier also has `predict_proba(X)` and
`CLASSES`. Whoever changes a letter of this file has to export the estimator anew: it is checked.
"""

# fmt: off
# ruff: noqa
# pyright: basic
import base64
import hashlib

import numpy as np

_SHA256 = "${SHA256}"
_loader = globals().get("__loader__")
_text = _loader.get_source(__name__) if hasattr(_loader, "get_source") else None
if _text and hashlib.sha256(_text.replace(_SHA256, "").encode()).hexdigest() != _SHA256:
    raise ValueError(f"{__file__} is damaged or was changed; export the estimator anew.")


${ANSWERS}
def _outputs(X):
    """What the network says of each example, [n, outputs]."""
    x = np.asarray(X, np.float64)
    if x.ndim != 2 or x.shape[1] != ${INPUTS}:
        raise ValueError(f"X has shape {x.shape}; it takes [n, ${INPUTS}], a row for each example.")
    if not np.isfinite(x).all():
        raise ValueError("X holds a number that is missing or infinite; it takes finite ones.")
    return np.concatenate([_block(x[i : i + 256]) for i in range(0, max(len(x), 1), 256)])


def _block(x):
    x = (x / 2 - SHIFT / 2) * SCALE * 2  # halves, lest the difference overflow
    x = x if CLIP is None else np.clip(x, -CLIP, CLIP)
    x = x.astype(_first(SYNAPSES).dtype).reshape(len(x), *GRAPH["groups"][0])
    start = _resting(RULE, GRAPH, x, None)
    outputs = _forward(RULE, GENES, GRAPH, SYNAPSES, start, MOMENTS)[0][GRAPH["outputs"][0]][0]
    return outputs.astype(np.float64) + INTERCEPT


${FUNCTIONS}


def _array(dtype, shape, text):
    return np.frombuffer(base64.b64decode(text), dtype).reshape(shape)


RULE = \\
${RULE}
GRAPH = _linked(
${GRAPH})
CLIP = ${CLIP}
SHIFT = ${SHIFT}
SCALE = ${SCALE}
INTERCEPT = ${INTERCEPT}
GENES = {
${GENES}}
MOMENTS = [
${MOMENTS}]
SYNAPSES = [
${SYNAPSES}]
${OWN}
''')

CLASSIFIER = '''\
def predict(X):
    """The most probable class of each example, [n]."""
    return CLASSES[np.argmax(_outputs(X), axis=1)]


def predict_proba(X):
    """The probability of each class, [n, classes], in the order of CLASSES."""
    outputs = _outputs(X)
    odds = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


'''

REGRESSOR = '''\
def predict(X):
    """The predicted numbers, [n] or [n, outputs] as the targets were."""
    found = _outputs(X) * TARGET_SCALE + TARGET_SHIFT
    return found[:, 0] if FLAT else found


'''
