"""A blurax genome in NumPy alone: read its file, let it teach a network, ask the network.

Copy this one file; it needs NumPy and nothing else. It does what blurax does, variant by variant,
in the dtype of the numbers it is given; blurax's tests hold it to the same trajectories.

    rule, genes = load_genome("default.safetensors")
    network = newborn(rule, (784, 256, 10), np.random.default_rng(0))
    for x, y in batches:  # [batch, 784], and [batch, 10] of +1 for the right class and -1
        network = step(rule, genes, network, x, y)
    scores = predict(rule, genes, network, x)

Activations are [k, batch, n], synapses [channels, from, to], those of the bias unit
[channels, 1, to].
Numbers (5), (6), (7), (8): equations of Sandler et al., ICML 2021.
"""

# pyright: reportOptionalOperand=false
import json

import numpy as np

_MATRICES = "nu_tilde", "mu_tilde"


def load_genome(path):
    """The rule (a dictionary) and the genes (arrays by name) in a genome file; runs no code."""
    with open(path, "rb") as file:
        data = file.read()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    body, genes = data[8 + length :], {}
    rule = json.loads(header.pop("__metadata__")["blurax"])["rule"]
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        dtype = {"F32": "<f4", "F64": "<f8"}[entry["dtype"]]
        genes[name] = np.frombuffer(body[first:last], dtype).reshape(entry["shape"])
    return rule, genes


def newborn(rule, sizes, rng):
    """A network with normal synapses: a list of (forward, bias, backward) for each layer."""
    k = rule["states"] if rule["channels"] == "multi" else 1
    layers = []
    for l in range(len(sizes) - 1):
        i, j = sizes[l], sizes[l + 1]
        up = rng.normal(size=(k, i + 1, j)) * _std(rule, i + 1)
        down = None
        if rule["symmetry"] == "asymmetric" and l > 0:
            down = rng.normal(size=(k, j, i)) * _std(rule, j)
        layers.append((up[:, :-1], up[:, -1:], down))
    return {"synapses": layers, "neurons": None, "steps": 0}


def step(rule, genes, network, x, y):
    """One inner step on a batch: forward, feedback, backward, update. Returns the new network."""
    synapses, steps = network["synapses"], network["steps"]
    predicted = _forward(rule, genes, synapses, _resting(rule, synapses, x, network["neurons"]))
    if rule["update"]["after_forward"]:
        synapses = _update(rule, genes, "forward_synapse", synapses, predicted, predicted)
    neurons = predicted
    if steps % rule["feedback"]["every"] == 0:
        neurons = _backward(rule, genes, synapses, _feedback(rule, predicted, y))
        lower = predicted if rule["update"]["source"] == "forward-sweep" else neurons
        synapses = _update(rule, genes, "synapse", synapses, lower, neurons)
    kept = neurons if rule["keep_neurons"] else None
    return {"synapses": synapses, "neurons": kept, "steps": steps + 1}


def predict(rule, genes, network, x):
    """What the last layer says of each example, [batch, outputs]."""
    synapses = network["synapses"]
    return _forward(rule, genes, synapses, _resting(rule, synapses, x, None))[-1][0]


def _std(rule, inputs):
    scale = inputs**0.5 if rule["init"]["scale"] == "fan-in" else 1.0
    return rule["init"]["std"] / scale


def _resting(rule, synapses, x, kept):
    if kept is not None:
        return [x[None], *kept[1:]]
    shape = rule["states"], len(x)
    return [x[None], *(np.zeros((*shape, w.shape[2]), x.dtype) for w, _, _ in synapses)]


def _gene(rule, genes, name, layer):
    found = genes.get(name)
    return found if found is None or rule["layers"] is None else found[layer]


def _forward(rule, genes, synapses, neurons):
    """(5), layer by layer upwards."""
    neurons, stable = list(neurons), rule["stabilise"]
    for l, (w, bias, _) in enumerate(synapses):
        nu, f, eta, scale, shift = (
            _gene(rule, genes, f"neuron.{name}", l)
            for name in ("nu", "f", "eta", "forward_scale", "forward_shift")
        )
        heard = _transmit(w, eta * nu, neurons[l]) + (eta * nu).sum(axis=1)[:, None, None] * bias
        z = f * neurons[l + 1] + heard / _length(stable, w, bias)
        last = l == len(synapses) - 1
        if scale is not None and (stable.get("normalise_last", True) or not last):
            z = _normalised(z, scale, shift)
        phi = rule["sigma"]["last" if last else "forward"]
        a = _phi(z, phi)
        if rule["sigma"]["derivative"]:
            a = np.concatenate([a[:1], _phi_prime(z[1:2], phi), a[2:]])
        neurons[l + 1] = a
    return neurons


def _feedback(rule, neurons, y):
    *below, last = neurons
    signal = rule["feedback"]["signal"]
    if rule["states"] == 1:
        return [*below, y[None]]
    told = y
    if signal == "squared-error":
        told = last[0] - y
    if signal == "cross-entropy":
        odds = np.exp(last[0] - last[0].max(axis=1, keepdims=True))
        told = odds / odds.sum(axis=1, keepdims=True) - (y > 0)
    if signal != "label" and rule["sigma"]["derivative"]:
        told = told * last[1]
    return [*below, np.concatenate([last[:1], told[None], np.zeros_like(last[2:])])]


def _backward(rule, genes, synapses, neurons):
    """(6), layer by layer downwards."""
    neurons = list(neurons)
    for l in reversed(range(1, len(synapses))):
        mu, f, eta, scale, shift = (
            _gene(rule, genes, f"neuron.{name}", l)
            for name in ("mu", "f", "eta", "backward_scale", "backward_shift")
        )
        w, _, down = synapses[l]
        down = np.swapaxes(w, 1, 2) if down is None else down
        kept = f * neurons[l]
        heard = _transmit(down, eta * mu, neurons[l + 1]) / _length(rule["stabilise"], down)
        if rule["backward"] == "additive":
            z = kept + heard
        elif rule["backward"] == "multiplicative":
            z = kept * heard
        else:
            z = np.concatenate([kept[:1], kept[1:] * heard[1:]])
        z = z if scale is None else _normalised(z, scale, shift)
        neurons[l] = _phi(z, rule["sigma"]["backward"])
    return neurons


def _update(rule, genes, which, synapses, lower, upper):
    """(7), all synapses at once."""
    new = []
    for l, (w, bias, down) in enumerate(synapses):
        own = {
            name: _gene(rule, genes, f"{which}.{name}", l)
            for name in (*_MATRICES, "f_tilde", "eta_tilde", "oja", "saturation", "decorrelation")
        }
        own["width_free"] = rule["update"].get("width_free", False)
        a_i, a_j = lower[l], upper[l + 1]
        rate = own["eta_tilde"] / (a_i.shape[1] if rule["update"]["batch"] == "mean" else 1)
        one = np.ones((len(a_j), a_j.shape[1], 1), a_j.dtype)
        changes = [rate * change for change in _hebbian(own, a_j, a_i, one)]
        up = _stabilised(rule, own, [w, bias], changes)
        if down is not None:
            (change,) = _hebbian(own, a_i, a_j)
            (down,) = _stabilised(rule, own, [down], [rate * change])
        new.append((*up, down))
    return new


def _hebbian(own, a_j, *below):
    """The sums over states and batch in (7), a_i^e ν~^{ec} μ~^{cd} a_j^d, for neurons below."""
    nu_tilde, mu_tilde = (own[name] for name in _MATRICES)
    before = [np.einsum("ec,ebi->cbi", nu_tilde[: len(a_i)], a_i) for a_i in below]
    after = np.einsum("cd,dbj->cbj", mu_tilde[:, : len(a_j)], a_j)
    if own["decorrelation"] is not None:
        after = np.linalg.solve(_inhibition(before, own), after)
    return [np.swapaxes(a, 1, 2) @ after for a in before]


def _inhibition(before, own):
    """How much examples that excite the neurons below alike inhibit each other: [c, b, b]."""
    share = 1 / (1 + np.exp(-own["decorrelation"]))
    alike = np.sum([a @ np.swapaxes(a, 1, 2) for a in before], axis=0)
    mean = np.diagonal(alike, axis1=1, axis2=2).mean(axis=1)[:, None, None]
    unit = np.eye(alike.shape[1], dtype=alike.dtype)
    mean = np.where(mean > 0, mean, 1)
    mixed = (1 - share) * unit + share * alike / mean
    return mean * mixed if own["width_free"] else mixed


def _stabilised(rule, own, old, changes):
    """(7) with what appendix B adds; all that leads into a neuron is one vector."""
    stable, bound, f_tilde = rule["stabilise"], own["saturation"], own["f_tilde"]
    square = _into(w**2 for w in old)
    if stable["saturation"] == "slowing":
        f_tilde = 1 + (f_tilde - 1) * np.maximum(square, 1) ** (-0.5 * np.exp(bound))
    new = [f_tilde * w + change for w, change in zip(old, changes, strict=True)]
    if stable["oja"] == "multiplier":
        new = [n - own["oja"] * w * square for n, w in zip(new, old, strict=True)]
    if stable["oja"] == "full":  # (8)
        along = _into(w * change for w, change in zip(old, changes, strict=True))
        inhibition = (f_tilde - 1) * square + along
        new = [n - w * inhibition for n, w in zip(new, old, strict=True)]
    if stable["saturation"] == "tanh":
        new = [bound * np.tanh(n / bound) for n in new]
    if stable["saturation"] == "length":
        longest = np.exp(bound) / np.sqrt(_into(n**2 for n in new) + 1e-9)
        new = [n * np.minimum(1.0, longest) for n in new]
    if stable["saturation"] == "exponential":
        damped = [np.exp(-np.abs(bound) * np.abs(w)) for w in old]
        new = [w + (n - w) * d for w, n, d in zip(old, new, damped, strict=True)]
    return new


def _into(parts):
    return sum(part.sum(axis=1, keepdims=True) for part in parts)


def _transmit(w, transform, a):
    return np.einsum("cd,dbi->cbi", transform[:, : len(a)], a) @ w


def _length(stable, *into):
    return np.sqrt(_into(w**2 for w in into) + 1e-9) if stable["normalise_synapses"] else 1.0


def _normalised(z, scale, shift):
    centred = z - z.mean(axis=1, keepdims=True)
    unit = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    return scale[:, None, None] * unit + shift[:, None, None]


def _phi(z, name):
    if name == "tanh":
        return np.tanh(z)
    if name == "relu":
        return np.maximum(z, 0)
    if name == "sigmoid":
        return 1 / (1 + np.exp(-z))
    return np.maximum(np.tanh(z), 0) if name == "relu-tanh" else z


def _phi_prime(z, name):
    if name == "tanh":
        return 1 - np.tanh(z) ** 2
    if name == "relu":
        return (z > 0).astype(z.dtype)
    if name == "sigmoid":
        return _phi(z, name) * (1 - _phi(z, name))
    return np.where(z > 0, 1 - np.tanh(z) ** 2, 0) if name == "relu-tanh" else np.ones_like(z)
