"""A blurax genome in NumPy alone: read its file, let it teach a network, ask the network.

Copy this one file; it needs NumPy and nothing else. It does what blurax does, variant by variant,
in the dtype of the network; blurax's tests hold it to the same trajectories.

    rule, genes = load_genome("default.safetensors")
    network = init(rule, (784, 256, 10), np.random.default_rng(0))
    for x, y in batches:  # [batch, 784], and [batch, 10] of +1 for the right class and -1
        network = step(rule, genes, network, x, y)
    scores = predict(rule, genes, network, x)  # of one row or many: a row's do not depend on others

Where a rule normalises neurons, learning does so over the batch, and prediction by the means and
variances of the examples last learned from. `network = observe(rule, genes, network, x)` takes
those of examples of your own, say of a thousand; they hold until the next step. A network that has
learned nothing has none: it takes those of the rows it predicts, and refuses a single one.

Activations are [k, batch, n], synapses [channels, from, to], those of the bias unit
[channels, 1, to].
Numbers (5), (6), (7), (8): equations of Sandler et al., ICML 2021.
"""

# pyright: reportOptionalOperand=false
import hashlib
import json

import numpy as np

_MATRICES = "nu_tilde", "mu_tilde"
_DTYPES = {"F32": "float32", "F64": "float64"}


def load_genome(path):
    """The rule (a dictionary) and the genes (arrays by name) in a genome file; runs no code.

    Raises ValueError for a file that is damaged, or no genome, or has terms of its user's own.
    """
    with open(path, "rb") as file:
        rule, tensors = _unsealed(file.read(2**24), path)  # far more than a genome has
    if rule.get("extra"):
        names = ", ".join(term["name"] for term in rule["extra"])
        raise ValueError(f"{path} has the term {names}, which this file does not know.")
    genes = {}
    for name, (dtype, shape, numbers) in tensors.items():
        genes[name] = np.frombuffer(numbers, np.dtype(dtype).newbyteorder("<")).reshape(shape)
    return rule, genes


def _unsealed(data, path):
    """The rule, and the dtype, shape and bytes of each gene, of a file whose checksum is right."""
    damaged = f"{path} is cut off, damaged or no genome file; fetch it or make it anew."
    try:
        start = 8 + int.from_bytes(data[:8], "little")
        entries, body, end, tensors = json.loads(data[8:start]), data[start:], 0, {}
        text = entries.pop("__metadata__")["blurax"]
        header = json.loads(text)
        canonical, right = _canonical(header), header.pop("sha256")
        digest = hashlib.sha256(_canonical(header).encode())
        for name, entry in sorted(entries.items(), key=lambda pair: pair[1]["data_offsets"]):
            first, last = entry["data_offsets"]
            if first != end:
                raise ValueError(damaged)
            end, tensors[name] = last, (_DTYPES[entry["dtype"]], entry["shape"], body[first:last])
        for name, (dtype, shape, numbers) in sorted(tensors.items()):
            digest.update(_canonical([name, dtype, shape]).encode() + numbers)
        same = end == len(body) and text == canonical and digest.hexdigest() == right
        kind, version = header["kind"], header["format"]
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        raise ValueError(damaged) from None
    if not same:
        raise ValueError(damaged)
    if kind != "genome" or version != 1:
        raise ValueError(f"{path} is a {kind} file of format {version}; give a genome of format 1.")
    return header["rule"], tensors


def _canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def init(rule, sizes, rng, genes=None, dtype=np.float32):
    """A network with normal synapses: a list of (forward, bias, backward) for each layer.

    Where the rule's `init` is learned the genes are needed: they say how large the synapses are.
    """
    k = rule["states"] if rule["channels"] == "multi" else 1

    def normal(layer, *shape):
        return (rng.normal(size=shape) * _std(rule, shape[1], genes, layer)).astype(dtype)

    layers = []
    for l in range(len(sizes) - 1):
        i, j = sizes[l], sizes[l + 1]
        up, down = normal(l, k, i + 1, j), None
        if rule["symmetry"] == "asymmetric" and l > 0:
            down = normal(l, k, j, i)
        layers.append((up[:, :-1], up[:, -1:], down))
    return {"synapses": layers, "neurons": None, "steps": 0}


def step(rule, genes, network, x, y):
    """One inner step on a batch: forward, feedback, backward, update. Returns the new network."""
    steps = network["steps"]
    genes, synapses, x, y = _now(rule, genes, network, x, y)
    predicted, _ = _forward(rule, genes, synapses, _resting(rule, synapses, x, network["neurons"]))
    if rule["update"]["after_forward"]:
        synapses = _update(rule, genes, "forward_synapse", synapses, predicted, predicted)
    neurons = predicted
    if steps % rule["feedback"]["every"] == 0:
        neurons = _backward(rule, genes, synapses, _feedback(rule, predicted, y))
        lower = predicted if rule["update"]["source"] == "forward-sweep" else neurons
        synapses = _update(rule, genes, "synapse", synapses, lower, neurons)
    kept, batch = neurons if rule["keep_neurons"] else None, _latest(network.get("batch"), x)
    return {"synapses": synapses, "neurons": kept, "steps": steps + 1, "batch": batch}


def observe(rule, genes, network, x):
    """The network with the means and variances of these examples, by which it then predicts."""
    genes, synapses, x = _now(rule, genes, network, x)
    if len(x) < 2 and rule["stabilise"]["normalise"] in ("forward", "both"):
        raise ValueError(
            f"{len(x)} example has no mean and variance to normalise by: teach the network by "
            "batches, or observe(rule, genes, network, x) some examples before it predicts."
        )
    moments = _forward(rule, genes, synapses, _resting(rule, synapses, x, None))[1]
    return {**network, "moments": moments}


def predict(rule, genes, network, x):
    """What the last layer says of each example, [batch, outputs], whatever the others are."""
    batch, known = network.get("batch"), network.get("moments")
    if known is None:
        known = observe(rule, genes, network, x if batch is None else batch)["moments"]
        if batch is not None:
            network["moments"] = known  # once for all predictions of this network
    genes, synapses, x = _now(rule, genes, network, x)
    return _forward(rule, genes, synapses, _resting(rule, synapses, x, None), known)[0][-1][0]


def _check(synapses, x, y=None):
    """Refuse what would otherwise broadcast into a wrong result."""
    inputs, outputs = synapses[0][0].shape[1], synapses[-1][0].shape[2]
    if x.ndim != 2 or x.shape[1] != inputs:
        raise ValueError(f"x has shape {tuple(x.shape)}; the network takes [batch, {inputs}].")
    if y is not None and tuple(y.shape) != (len(x), outputs):
        wanted = f"[{len(x)}, {outputs}], +1 for the right class and -1 for the others"
        raise ValueError(f"y has shape {tuple(y.shape)}; the network takes {wanted}.")


def _latest(batch, x):
    """The examples last learned from, as many as the largest batch had."""
    if batch is None or len(x) >= len(batch):
        return x.copy()
    return np.concatenate([batch, x])[-len(batch) :]


def _std(rule, inputs, genes, layer):
    scale = inputs**0.5 if rule["init"]["scale"] == "fan-in" else 1.0
    if rule["init"].get("learned", False):
        if genes is None:
            raise ValueError("init: the rule's init is learned; give the genes as well.")
        return np.abs(np.asarray(_gene(rule, genes, "init_std", layer))) / scale
    return rule["init"]["std"] / scale


def _now(rule, genes, network, *arrays):
    """The genes in force in this step, the synapses with which it begins, and x and y.

    All in the dtype of the synapses.
    """
    count, synapses = rule.get("steps"), network["synapses"]
    w = synapses[0][0]
    arrays = [np.asarray(array, w.dtype) for array in arrays]
    _check(synapses, *arrays)
    genes = {name: np.asarray(gene, w.dtype) for name, gene in genes.items()}
    if count is not None:
        now = min(network["steps"], count - 1)
        genes = {n: gene if n == "init_std" else gene[now] for n, gene in genes.items()}
    if not rule["stabilise"].get("normalise_stored", False):
        return genes, synapses, *arrays
    new = []
    for l, (w, bias, down) in enumerate(synapses):
        up = _to_length(_gene(rule, genes, "neuron.forward_rescale", l), w, bias)
        if down is not None:
            (down,) = _to_length(_gene(rule, genes, "neuron.backward_rescale", l), down)
        new.append((*up, down))
    return genes, new, *arrays


def _to_length(scale, *into):
    length = _length(*into)
    return [w / length if scale is None else w * (np.abs(scale) / length) for w in into]


def _resting(rule, synapses, x, kept):
    if kept is not None:
        return [x[None], *kept[1:]]
    return [x[None], *(np.zeros((rule["states"], 1, w.shape[2]), x.dtype) for w, _, _ in synapses)]


def _gene(rule, genes, name, layer):
    found = genes.get(name)
    return found if found is None or rule["layers"] is None else found[layer]


def _forward(rule, genes, synapses, neurons, known=None):
    """(5), layer by layer upwards; also the mean and variance by which each layer was normalised.

    `known` are means and variances to use in place of the batch's own.
    """
    neurons, used, stable = list(neurons), [], rule["stabilise"]
    for l, (w, bias, _) in enumerate(synapses):
        nu, f, eta, scale, shift, rescale = (
            _gene(rule, genes, f"neuron.{name}", l)
            for name in ("nu", "f", "eta", "forward_scale", "forward_shift", "forward_rescale")
        )
        eta = _rescaled(stable, eta, rescale)
        z = _transmit(w, eta * nu, neurons[l])
        z += (eta * nu).sum(axis=1)[:, None, None] * bias
        if stable["normalise_synapses"]:
            z /= _length(w, bias)
        z += f * neurons[l + 1]
        last, moments = l == len(synapses) - 1, None
        if scale is not None and (stable.get("normalise_last", True) or not last):
            moments = known[l] if known else _moments(z)
            z = _normalised(z, scale, shift, moments)
        phi = rule["sigma"]["last" if last else "forward"]
        a = _phi(z, phi)
        if rule["sigma"]["derivative"]:
            a[1:2] = _phi_prime(z[1:2], phi)
        neurons[l + 1] = a
        used.append(moments)
    return neurons, used


def _feedback(rule, neurons, y):
    *below, last = neurons
    signal = rule["feedback"]["signal"]
    if rule["states"] == 1:
        return [*below, y[None]]
    error = y
    if signal == "squared-error":
        error = last[0] - y
    if signal == "cross-entropy":
        odds = np.exp(last[0] - last[0].max(axis=1, keepdims=True))
        error = odds / odds.sum(axis=1, keepdims=True) - (y > 0)
        if y.shape[1] == 1:  # the sign says the class: logistic
            error = -y / (1 + np.exp(last[0] * y))
    if signal != "label" and rule["sigma"]["derivative"]:
        error = error * last[1]
    return [*below, np.concatenate([last[:1], error[None], np.zeros_like(last[2:])])]


def _backward(rule, genes, synapses, neurons):
    """(6), layer by layer downwards."""
    neurons = list(neurons)
    for l in reversed(range(1, len(synapses))):
        mu, f, eta, scale, shift, rescale = (
            _gene(rule, genes, f"neuron.{name}", l)
            for name in ("mu", "f", "eta", "backward_scale", "backward_shift", "backward_rescale")
        )
        eta = _rescaled(rule["stabilise"], eta, rescale)
        w, _, down = synapses[l]
        down = np.swapaxes(w, 1, 2) if down is None else down
        z, kept = _transmit(down, eta * mu, neurons[l + 1]), f * neurons[l]
        if rule["stabilise"]["normalise_synapses"]:
            z /= _length(down)
        if rule["backward"] == "additive":
            z += kept
        elif rule["backward"] == "multiplicative":
            z *= kept
        else:
            z[0] = kept[0]
            z[1:] *= kept[1:]
        z = z if scale is None else _normalised(z, scale, shift, _moments(z))
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
        changes = _hebbian(own, rate, a_j, a_i, one)
        up = _stabilised(rule, own, [w, bias], changes, _activity(rule, own, rate, a_j))
        if down is not None:
            changes, activity = _hebbian(own, rate, a_i, a_j), _activity(rule, own, rate, a_i)
            (down,) = _stabilised(rule, own, [down], changes, activity)
        new.append((*up, down))
    return new


def _hebbian(own, rate, a_j, *below):
    """The sums over states and batch in (7), η~ a_i^e ν~^{ec} μ~^{cd} a_j^d, for neurons below."""
    nu_tilde, mu_tilde = (own[name] for name in _MATRICES)
    before, after = [_mix(nu_tilde.T, a_i) for a_i in below], _mix(rate * mu_tilde, a_j)
    if own["decorrelation"] is not None:
        after = np.linalg.solve(_inhibition(before, own), after)
    return [np.swapaxes(a, 1, 2) @ after for a in before]


def _activity(rule, own, rate, a_j):
    """|η~| (Σ_d μ~^{cd} a_j^d)² over the batch, what Oja's own term multiplies synapses with."""
    if rule["stabilise"]["oja"] != "activation":
        return None
    return np.abs(rate) * np.square(_mix(own["mu_tilde"], a_j)).sum(axis=1, keepdims=True)


def _inhibition(before, own):
    """How much examples that excite the neurons below alike inhibit each other: [c, b, b]."""
    share = 1 / (1 + np.exp(-own["decorrelation"]))
    first, *others = (a @ np.swapaxes(a, 1, 2) for a in before)
    alike = sum(others, first)
    mean = np.diagonal(alike, axis1=1, axis2=2).mean(axis=1)[:, None, None]
    unit = np.eye(alike.shape[1], dtype=alike.dtype)
    mean = np.where(mean > 0, mean, 1)
    mixed = (1 - share) * unit + share * alike / mean
    return mean * mixed if own["width_free"] else mixed


def _stabilised(rule, own, old, changes, activity):
    """(7) with what appendix B adds; all that leads into a neuron is one vector."""
    stable, bound, f_tilde = rule["stabilise"], own["saturation"], own["f_tilde"]
    if stable["saturation"] == "slowing":
        f_tilde = 1 + (f_tilde - 1) * np.maximum(_square(old), 1) ** (-0.5 * np.exp(bound))
    new = [f_tilde * w + change for w, change in zip(old, changes, strict=True)]
    if stable["oja"] == "multiplier":
        inhibition = np.abs(own["oja"]) * _square(old)
        new = [n - w * inhibition for n, w in zip(new, old, strict=True)]
    if stable["oja"] == "activation":
        inhibition = np.abs(own["oja"]) * activity
        new = [n - w * inhibition for n, w in zip(new, old, strict=True)]
    if stable["oja"] == "full":  # (8)
        along = _into(w * change for w, change in zip(old, changes, strict=True))
        inhibition = (f_tilde - 1) * _square(old) + along
        new = [n - w * inhibition for n, w in zip(new, old, strict=True)]
    if stable["saturation"] == "tanh":
        new = [bound * np.tanh(n / bound) for n in new]
    if stable["saturation"] == "length":
        longest = np.exp(bound) / np.sqrt(_square(new) + 1e-9)
        new = [n * np.minimum(1.0, longest) for n in new]
    if stable["saturation"] == "exponential":
        damped = [np.exp(-np.abs(bound) * np.abs(w)) for w in old]
        new = [w + (n - w) * d for w, n, d in zip(old, new, damped, strict=True)]
    return new


def _square(parts):
    """The squared length of what leads into each neuron."""
    return _into(part**2 for part in parts)


def _into(parts):
    first, *others = (part.sum(axis=1, keepdims=True) for part in parts)
    return sum(others, first)


def _transmit(w, transform, a):
    """Σ_{i,d} w_ij^c transform^{cd} a_i^d; a synapse of one channel serves all states."""
    if len(a) == 1:  # one state: transformed where there are fewer neurons
        return transform[:, :1, None] * (a @ w)
    mixed = _mix(transform, a)
    if len(w) > 1:
        return mixed @ w
    return (mixed.reshape(-1, mixed.shape[2]) @ w[0]).reshape(*mixed.shape[:2], w.shape[2])


def _mix(transform, a):
    """Σ_d transform^{cd} a^d, neuron by neuron; states that `a` lacks are 0."""
    states, batch, n = a.shape
    return (transform[:, :states] @ a.reshape(states, batch * n)).reshape(len(transform), batch, n)


def _rescaled(stable, eta, rescale):
    return eta if rescale is None or not stable["normalise_synapses"] else eta * rescale


def _length(*into):
    return np.sqrt(_square(into) + 1e-9)


def _moments(z):
    """The mean and variance over the batch."""
    mean = z.mean(axis=1, keepdims=True)
    return mean, np.square(z - mean).mean(axis=1, keepdims=True)


def _normalised(z, scale, shift, moments):
    mean, variance = moments
    z = z - mean
    z *= scale[:, None, None] / np.sqrt(variance + 1e-5)
    z += shift[:, None, None]
    return z


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
