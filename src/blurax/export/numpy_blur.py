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

In place of sizes `init` takes any graph, plain data to keep as JSON, which you write or
`blurax.export.graph_of(network)` gives:

    graph = {
        "groups": [[8, 8, 1], [8, 8, 4], [10]],  # the shape of each, [height, width, features]
        "edges": [
            {"pre": 0, "post": 1, "link": [["conv", 3, 1, "same"]]},  # kernel, stride, padding
            {"pre": 1, "post": 2, "link": [["pool", 2], ["dense"]]},  # ["pool", None]: over all
        ],
        "outputs": [2],  # the groups that y is for; several take a list of them
    }

A link without synapses is ["identity"] or ["pool", 2] alone. Edges may have "up", "down",
"plastic" and "bias", true where they are left out. Examples are [batch, *shape of the first group].

Activations are [k, batch, *shape], synapses [channels, from, to], those of the bias unit
[channels, 1, to]; None where an edge has none. Those of a convolution are shared by all positions:
from counts patch x features. An event is an example, or an example and a position.
Numbers (5), (6), (7), (8): equations of Sandler et al., ICML 2021.
"""

# pyright: reportOptionalOperand=false
import hashlib
import json

import numpy as np

_MATRICES = "nu_tilde", "mu_tilde"
_OF_TRACES = "trace_to_synapse", "trace_of_synapse", "trace_kept", "trace_of_change"
_KEPT = {"traces": "trace", "sums": "metaplastic"}  # beside synapses, by the choice of a rule
_OF_SUMS = "metaplastic_scale", "metaplastic_power"
_OF_TERMS = (
    *("oja", "saturation", "decorrelation", "fan_in", "places", "input_size"),
    "error_size",
    "batch_size",
    "layer_size",
    *_OF_TRACES,
    *_OF_SUMS,
)
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
    """A network with normal synapses: a list of (forward, bias, backward) for each layer or edge.

    `sizes` are those of the layers of a chain, or a graph. Where the rule's `init` is learned the
    genes are needed: they say how large the synapses are.
    """
    k = rule["states"] if rule["channels"] == "multi" else 1
    graph = sizes if isinstance(sizes, dict) else None

    def normal(edge, *shape):
        return (rng.normal(size=shape) * _std(rule, shape[1], genes, edge)).astype(dtype)

    edges = []
    linked = _linked(graph or _chain(sizes))
    if rule.get("readout", False) and genes is not None and "init_std" in genes:
        genes = {"init_std": genes["init_std"][_readouts(linked)]}
    for l, (edge, link) in enumerate(zip(linked["edges"], linked["links"], strict=True)):
        up, bias, down = None, None, None
        if link["synapses"]:
            own = rule["symmetry"] == "asymmetric"
            (i, j), ones = link["shape"], edge.get("bias", True)
            if edge.get("up", True):
                up = normal(l, k, i + ones, j)
                up, bias = up[:, :i], up[:, i:] if ones else None
            if edge.get("down", True) and edge["pre"] > 0 and (own or up is None):
                down = normal(l, k, *link["back"])
        edges.append((up, bias, down))
    found = {"synapses": edges, "neurons": None, "steps": 0, "graph": graph}
    for name, chosen in _KEPT.items():
        if rule["update"].get(chosen, False):
            found[name] = [
                tuple(w if w is None else np.zeros_like(w) for w in edge) for edge in edges
            ]
    return found


def step(rule, genes, network, x, y):
    """One inner step on a batch: forward, feedback, backward, update. Returns the new network."""
    steps = network["steps"]
    genes, graph, synapses, x, *y = _now(rule, genes, network, x, y)
    kept = _kept(network)
    start = _resting(rule, graph, x, network["neurons"])
    predicted, _ = _forward(rule, genes, graph, _read(rule, genes, graph, synapses, kept), start)
    if rule["update"]["after_forward"]:
        both = synapses, kept, predicted, predicted
        synapses, kept = _update(rule, genes, "forward_synapse", graph, *both)
    neurons = predicted
    if steps % rule["feedback"]["every"] == 0:
        corrected = _feedback(rule, graph, predicted, y)
        seen = _read(rule, genes, graph, synapses, kept)
        neurons = _backward(rule, genes, graph, seen, corrected)
        lower = predicted if rule["update"]["source"] == "forward-sweep" else neurons
        both = synapses, kept, lower, neurons
        synapses, kept = _update(rule, genes, "synapse", graph, *both)
    neurons, batch = neurons if rule["keep_neurons"] else None, _latest(network.get("batch"), x)
    new = {"synapses": synapses, "neurons": neurons, "steps": steps + 1, "batch": batch}
    for name in _KEPT:
        if network.get(name) is not None:
            new[name] = [tuple(part.get(name) for part in edge) for edge in kept]
    return {**new, "graph": network.get("graph")}


def observe(rule, genes, network, x):
    """The network with the means and variances of these examples, by which it then predicts."""
    genes, graph, synapses, x = _now(rule, genes, network, x)
    if len(x) < 2 and rule["stabilise"]["normalise"] in ("forward", "both"):
        raise ValueError(
            f"{len(x)} example has no mean and variance to normalise by: teach the network by "
            "batches, or observe(rule, genes, network, x) some examples before it predicts."
        )
    synapses = _read(rule, genes, graph, synapses, _kept(network), predicting=True)
    start = _resting(rule, graph, x, None)
    return {**network, "moments": _forward(rule, genes, graph, synapses, start)[1]}


def predict(rule, genes, network, x):
    """What the first output says of each example, [batch, outputs], whatever the others are."""
    batch, known = network.get("batch"), network.get("moments")
    if known is None:
        known = observe(rule, genes, network, x if batch is None else batch)["moments"]
        if batch is not None:
            network["moments"] = known  # once for all predictions of this network
    genes, graph, synapses, x = _now(rule, genes, network, x)
    synapses = _read(rule, genes, graph, synapses, _kept(network), predicting=True)
    start = _resting(rule, graph, x, None)
    return _forward(rule, genes, graph, synapses, start, known)[0][graph["outputs"][0]][0]


def _chain(sizes):
    """The graph of a fully connected chain."""
    edges = [{"pre": l, "post": l + 1, "link": [["dense"]]} for l in range(len(sizes) - 1)]
    return {"groups": [[n] for n in sizes], "edges": edges, "outputs": [len(sizes) - 1]}


def _linked(graph):
    """The graph with `links`, which say how each edge leads."""
    return {**graph, "links": [_link(graph, edge) for edge in graph["edges"]]}


def _link(graph, edge):
    """How an edge leads from its lower group to its upper one.

    `pools`: for each pooling the shape before it and its tables; `up` and `down`: the tables of a
    convolution; `shape` and `back`: those of forward and backward synapses; `lower`: the features
    of the neurons that synapses see.
    """
    seen, upper = graph["groups"][edge["pre"]], graph["groups"][edge["post"]]
    pools, up, down, name = [], None, None, edge["link"][-1][0]
    for kind, *how in edge["link"]:
        if kind == "pool":
            size = [how[0]] * 2 if how[0] else seen[:2]
            pools.append((seen, *_tables(seen, size, size, "valid")))
            seen = [seen[0] // size[0], seen[1] // size[1], seen[2]]
        elif kind == "conv":
            kernel, stride, padding = how
            up, down = _tables(seen, [kernel] * 2, [stride] * 2, padding)
        elif kind not in ("dense", "identity"):
            raise ValueError(f"The link {kind!r} is none that this file knows.")
    lower, features = (seen[-1], upper[-1]) if name == "conv" else (_count(seen), _count(upper))
    places = 1 if up is None else up.shape[1]
    if name != "dense" and _count(upper) != (_count(seen) if up is None else len(up) * features):
        raise ValueError(f"The link {edge['link']} from {seen} does not lead to neurons {upper}.")
    return {
        "synapses": name in ("dense", "conv"),
        "pools": pools,
        "up": up,
        "down": down,
        "lower": lower,
        "shape": (places * lower, features),
        "back": (places * features, lower),
    }


def _tables(shape, kernel, stride, padding):
    """Which positions the patches of an image see, place by place, and which see each position.

    Both are [positions, places], with -1 for none.
    """
    sides = []
    for n, k, s in zip(shape[:2], kernel, stride, strict=True):
        count, before, place = (n - k) // s + 1, 0, np.arange(k)
        if padding == "same":
            count = -(-n // s)
            before = max((count - 1) * s + k - n, 0) // 2
        seen = np.arange(count)[:, None] * s - before + place
        by = np.arange(n)[:, None] + before - place
        whole = (by >= 0) & (by < count * s) & (by % s == 0)
        sides.append((np.where(seen < n, seen, -1), np.where(whole, by // s, -1)))
    (up, down), (up_x, down_x) = sides
    return _crossed(up, up_x, shape[1]), _crossed(down, down_x, len(up_x))


def _crossed(rows, columns, width):
    y, x = rows[:, None, :, None], columns[None, :, None, :]
    both = np.where((y < 0) | (x < 0), -1, y * width + x)
    return both.reshape(len(rows) * len(columns), -1)


def _count(shape):
    count = 1
    for side in shape:
        count *= side
    return count


def _check(graph, x, ys):
    """Refuse what would otherwise broadcast into a wrong result."""
    inputs = graph["groups"][0]
    if list(x.shape[1:]) != list(inputs):
        takes = ", ".join(map(str, inputs))
        raise ValueError(f"x has shape {tuple(x.shape)}; the network takes [batch, {takes}].")
    if ys and len(ys) != len(graph["outputs"]):
        count = len(graph["outputs"])
        raise ValueError(f"y holds {len(ys)} arrays; the network has {count} outputs.")
    for group, y in zip(graph["outputs"], ys, strict=False):
        if tuple(y.shape) != (len(x), *graph["groups"][group]):
            outputs = ", ".join(map(str, graph["groups"][group]))
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


def _now(rule, genes, network, x, y=None):
    """The genes in force in this step, the graph, the synapses with which it begins, x and y.

    All in the dtype of the synapses; y as one array for each output.
    """
    count, synapses = rule.get("steps"), network["synapses"]
    graph, dtype = network.get("graph"), _first(synapses).dtype
    if graph is None:
        graph = _chain([synapses[0][0].shape[1], *(w.shape[2] for w, _, _ in synapses)])
    ys = [] if y is None else [*y] if _several(graph, y) else [y] * len(graph["outputs"])
    x, *ys = (np.asarray(array, dtype) for array in (x, *ys))
    _check(graph, x, ys)
    graph = _linked(graph)
    genes = {name: np.asarray(gene, dtype) for name, gene in genes.items()}
    if count is not None:
        now = min(network["steps"], count - 1)
        genes = {n: gene if n == "init_std" else gene[now] for n, gene in genes.items()}
    if rule["update"].get("decay", False):
        genes = genes | _decayed(genes, network["steps"])
    if rule.get("readout", False):
        genes = {name: gene[_readouts(graph)] for name, gene in genes.items()}
    if not rule["stabilise"].get("normalise_stored", False):
        return genes, graph, synapses, x, *ys
    new = []
    for l, (w, bias, down) in enumerate(synapses):
        up = _to_length(_gene(rule, genes, "neuron.forward_rescale", l), w, bias)
        new.append((*up, *_to_length(_gene(rule, genes, "neuron.backward_rescale", l), down)))
    return genes, graph, new, x, *ys


def _decayed(genes, steps):
    """The learning rates in force after so many steps."""
    found = {}
    for which in [name[: -len(".eta_tilde")] for name in genes if name.endswith(".eta_tilde")]:
        time, power = (genes[f"{which}.decay_{name}"] for name in ("time", "power"))
        rate = np.exp(-power * np.log1p(steps / np.exp(time)))
        found[f"{which}.eta_tilde"] = rate * genes[f"{which}.eta_tilde"]
    return found


def _kept(network):
    """What is kept beside each array of synapses of each edge, by the names of `_KEPT`."""
    edges, dtype = network["synapses"], _first(network["synapses"]).dtype
    have = {name: network[name] for name in _KEPT if network.get(name) is not None}

    def beside(l, n):
        return {
            name: np.asarray(found[l][n], dtype)
            for name, found in have.items()
            if found[l][n] is not None
        }

    return [tuple(beside(l, n) for n in range(len(edge))) for l, edge in enumerate(edges)]


def _read(rule, genes, graph, synapses, kept, predicting=False):
    """The synapses by which sweeps go, and predictions."""
    if not rule["update"].get("trace", False):
        return synapses
    names = ("predict_synapse", "predict_trace") if predicting else (None, "trace_in_sweeps")
    seen = []
    for l, (edge, beside) in enumerate(zip(synapses, kept, strict=True)):
        if not graph["edges"][l].get("plastic", True):
            seen.append(edge)
            continue
        own, other = (n and _gene(rule, genes, f"synapse.{n}", l) for n in names)
        own = 1 if own is None else own
        pairs = zip(edge, beside, strict=True)
        seen.append(tuple(w if w is None else own * w + other * m["traces"] for w, m in pairs))
    return seen


def _several(graph, y):
    return len(graph["outputs"]) > 1 and isinstance(y, list | tuple)


def _first(synapses):
    return next(part for edge in synapses for part in edge if part is not None)


def _to_length(scale, *parts):
    into = [w for w in parts if w is not None]
    if not into:
        return parts
    length = _length(*into)
    if scale is None:
        return [None if w is None else w / length for w in parts]
    return [None if w is None else w * (np.abs(scale) / length) for w in parts]


def _resting(rule, graph, x, kept):
    if kept is not None:
        return [x[None], *kept[1:]]
    others = graph["groups"][1:]
    return [x[None], *(np.zeros((rule["states"], 1, *shape), x.dtype) for shape in others)]


def _gene(rule, genes, name, layer):
    found = genes.get(name)
    return found if found is None or not _own_genes(rule) else found[layer]


def _own_genes(rule):
    """Whether each edge has genes of its own."""
    return rule["layers"] is not None or rule.get("readout", False)


def _readouts(graph):
    """For each edge the number of its genes: 1 where it leads to an output."""
    return [int(edge["post"] in graph["outputs"]) for edge in graph["edges"]]


def _forward(rule, genes, graph, synapses, neurons, known=None):
    """(5), group by group upwards; also the mean and variance by which each was normalised.

    `known` are means and variances to use in place of the batch's own.
    """
    neurons, used, stable = list(neurons), [], rule["stabilise"]
    for j in range(1, len(neurons)):
        edges = [l for l, e in enumerate(graph["edges"]) if e["post"] == j and e.get("up", True)]
        arriving = [_upwards(rule, genes, graph, l, synapses[l], neurons) for l in edges]
        f, scale, shift = (
            _gene(rule, genes, f"neuron.{name}", edges[0])
            for name in ("f", "forward_scale", "forward_shift")
        )
        z = _sum(arriving)
        z += f * neurons[j]
        last, moments = j in graph["outputs"], None
        if scale is not None and (stable.get("normalise_last", True) or not last):
            moments = known[j - 1] if known else _moments(z)
            z = _normalised(z, scale, shift, moments)
        phi = rule["sigma"]["last" if last else "forward"]
        a = _phi(z, phi)
        if rule["sigma"]["derivative"]:
            a[1:2] = _phi_prime(z[1:2], phi)
        neurons[j] = a
        used.append(moments)
    return neurons, used


def _upwards(rule, genes, graph, l, own, neurons):
    """What arrives by an edge in the forward sweep."""
    edge, (w, bias, _) = graph["edges"][l], own
    link, post = graph["links"][l], graph["groups"][edge["post"]]
    nu, eta, rescale, power = (
        _gene(rule, genes, f"neuron.{name}", l)
        for name in ("nu", "eta", "forward_rescale", "length_power")
    )
    a = _pooled(link, neurons[edge["pre"]])
    if w is None:
        z = _mix(eta * nu, a)
        return z.reshape(len(z), a.shape[1], *post)
    eta = _rescaled(rule["stabilise"], eta, rescale)
    z = _transmit(w, eta * nu, a, link["up"])
    if bias is not None:
        z += (eta * nu).sum(axis=1)[:, None, None] * bias
    if rule["stabilise"]["normalise_synapses"]:
        z /= _divisor(power, *(part for part in (w, bias) if part is not None))
    return z.reshape(len(z), a.shape[1], *post)


def _feedback(rule, graph, neurons, ys):
    neurons = list(neurons)
    for group, y in zip(graph["outputs"], ys, strict=True):
        neurons[group] = _corrected(rule, neurons[group], y)
    return neurons


def _corrected(rule, last, y):
    """An output whose state 2 is its error signal."""
    signal = rule["feedback"]["signal"]
    if rule["states"] == 1:
        return y[None]
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
    return np.concatenate([last[:1], error[None], np.zeros_like(last[2:])])


def _backward(rule, genes, graph, synapses, neurons):
    """(6), group by group downwards."""
    neurons, handed = list(neurons), list(neurons)
    for i in reversed(range(1, len(neurons))):
        edges = [l for l, e in enumerate(graph["edges"]) if e["pre"] == i and e.get("down", True)]
        if not edges:
            continue
        strength, through = (
            _gene(rule, genes, f"neuron.{name}", edges[0]) for name in ("lateral", "pass_through")
        )
        arriving = [_downwards(rule, genes, graph, l, synapses[l], handed) for l in edges]
        a, z = neurons[i], _inhibited(rule, strength, _sum(arriving), neurons[i])
        neurons[i] = handed[i] = _moved_back(rule, genes, edges[0], a, z)
        if through is not None:  # errors go on by a slope between φ' and 1
            a = np.concatenate([a[:1], a[1:2] + through * (1 - a[1:2]), a[2:]])
            handed[i] = _moved_back(rule, genes, edges[0], a, z)
    return neurons


def _moved_back(rule, genes, l, a, z):
    """What the backward sweep makes of a layer by what arrives."""
    f, scale, shift = (
        _gene(rule, genes, f"neuron.{name}", l)
        for name in ("f", "backward_scale", "backward_shift")
    )
    kept = f * a
    if rule["backward"] == "additive":
        z = kept + z
    elif rule["backward"] == "multiplicative":
        z = kept * z
    else:
        z = np.concatenate([kept[:1], kept[1:] * z[1:]])
    z = z if scale is None else _normalised(z, scale, shift, _moments(z))
    return _phi(z, rule["sigma"]["backward"])


def _inhibited(rule, strength, z, a):
    """What arrives, with what the neurons of a layer give each other in state 2."""
    if not rule.get("lateral", False):
        return z
    apart = a[0][..., :, None] - a[0][..., None, :]
    near = (apart * np.exp(-10.0 * apart**2)).sum(axis=-1)
    given = -40.0 / max(a.shape[-1] - 1, 1) * strength * near
    return np.concatenate([z[:1], z[1:2] + given[None], z[2:]])


def _downwards(rule, genes, graph, l, own, neurons):
    """What arrives by an edge in the backward sweep."""
    edge, (w, _, down) = graph["edges"][l], own
    link, pre, a = graph["links"][l], graph["groups"][edge["pre"]], neurons[edge["post"]]
    mu, eta, rescale, power = (
        _gene(rule, genes, f"neuron.{name}", l)
        for name in ("mu", "eta", "backward_rescale", "length_power")
    )
    unit = rule["stabilise"]["normalise_synapses"] and link["synapses"]
    if not link["synapses"]:
        z = _mix(eta * mu, a)
    else:
        eta = _rescaled(rule["stabilise"], eta, rescale)
        down = _turned(link, w) if down is None else down
        z = _transmit(down, eta * mu, a, link["down"])
        z = z / _divisor(power, down) if unit else z
    return _spread(link, z, a.shape[1], unit).reshape(-1, a.shape[1], *pre)


def _turned(link, w):
    """Forward synapses as those of the way back: [channels, patch x features above, below]."""
    split = w.reshape(len(w), -1, link["lower"], w.shape[2])
    return np.swapaxes(split, 2, 3).reshape(len(w), *link["back"])


def _update(rule, genes, which, graph, synapses, kept, lower, upper):
    """(7), all synapses at once; the new synapses and what is kept beside them."""
    new, then = [], []
    for l, (edge, old, m) in enumerate(zip(graph["edges"], synapses, kept, strict=True)):
        link = graph["links"][l]
        if edge.get("plastic", True) and link["synapses"]:
            own = {
                name: _gene(rule, genes, f"{which}.{name}", l)
                for name in (*_MATRICES, "f_tilde", "eta_tilde", *_OF_TERMS)
            }
            a_i, a_j = _pooled(link, lower[edge["pre"]]), upper[edge["post"]]
            up = _learned(rule, own, a_i, a_j, link["up"], old[:2], m[:2])
            down = _learned(rule, own, a_j, a_i, link["down"], old[2:], m[2:])
            old, m = ((*a, *b) for a, b in zip(up, down, strict=True))
        new.append(old)
        then.append(m)
    return new, then


def _learned(rule, own, below, above, table, given, kept):
    """The synapses by which `below` leads to `above` after (7), and what is kept beside them."""
    if given[0] is None:
        return given, kept
    w, *bias = old = [part for part in given if part is not None]
    beside = kept[: len(old)]
    batch = below.shape[1]
    rate = own["eta_tilde"] / (batch if rule["update"]["batch"] == "mean" else 1)
    above = above.reshape(len(above), -1, w.shape[2])
    seen = [_events(_mix(own["nu_tilde"].T, below), table)]
    if bias:
        one = np.ones((len(above), above.shape[1], 1), above.dtype)
        seen.append(_mix(own["nu_tilde"].T, one))
    changes = _hebbian(rule, own, seen, _mix(rate * own["mu_tilde"], above), batch)
    if own["fan_in"] is not None:
        places = above.shape[1] // batch
        factor = (64 / w.shape[1]) ** own["fan_in"] * places ** -own["places"]
        changes = [factor * change for change in changes]
    if own["input_size"] is not None:
        rates = _relative(own, seen)
        changes = [rates * change for change in changes]
    if own["error_size"] is not None:
        rates = _by_error(own, above)
        changes = [rates * change for change in changes]
    if own["batch_size"] is not None:
        changes = [(batch / 128) ** own["batch_size"] * change for change in changes]
    if own["layer_size"] is not None:
        changes = [(64 / w.shape[2]) ** own["layer_size"] * change for change in changes]
    if own["metaplastic_power"] is not None:
        changes = [_slowed(own, c, m["sums"]) for c, m in zip(changes, beside, strict=True)]
    activity = _activity(rule, own, rate, above)
    new = _stabilised(rule, own, old, changes, activity, beside)
    parts = zip(new, beside, changes, strict=True)
    then = [_followed(own, w.shape[1], *part) for part in parts]
    rest = len(given) - len(old)
    return [*new, *[None] * rest], [*then, *[{}] * rest]


def _relative(own, seen):
    """Rates relative to the mean squared length of what is seen: [c, 1, 1]."""
    size = _sum((a**2).sum(axis=2).mean(axis=1) for a in seen)
    size = np.where(size > 0, size, 200 * np.ones_like(size))
    return ((200 / size) ** own["input_size"])[:, None, None]


def _by_error(own, above):
    """Rates relative to the mean square of what moves each neuron above: [c, 1, j]."""
    square = (own["mu_tilde"] ** 2).sum(axis=1)[:, None, None]
    size = (_mix(own["mu_tilde"], above) ** 2).mean(axis=1)[:, None, :]
    size = size / np.where(square > 0, square, np.ones_like(square))
    return (0.091 / (size + 0.001)) ** own["error_size"]


def _slowed(own, change, total):
    """A change of synapses that changed before."""
    total = np.exp(own["metaplastic_scale"]) * total
    return change * np.exp(-own["metaplastic_power"] * np.log1p(total))


def _followed(own, below, w, kept, change):
    """What is kept beside synapses after (7)."""
    new = dict(kept)
    if "traces" in kept:
        follows, keeps, adds_up = (own[name] for name in _OF_TRACES[1:])
        new["traces"] = follows * w + keeps * kept["traces"] + adds_up * change
    if "sums" in kept:
        new["sums"] = kept["sums"] + below * change**2
    return new


def _hebbian(rule, own, seen, caused, batch):
    """The sums over states and events in (7), of what events see and what they cause."""
    inhibits, within = own["decorrelation"] is not None, rule["update"].get("decorrelate_within")
    many = caused.shape[1] > batch and within is None
    if inhibits and not many:
        caused = np.concatenate(
            [
                np.linalg.solve(
                    _inhibition(rule, own, [a[:, n] for a in seen], n.stop - n.start), caused[:, n]
                )
                for n in _blocks(caused.shape[1], within)
            ],
            axis=1,
        )
    changes = [np.swapaxes(a, 1, 2) @ caused for a in seen]
    if inhibits and many:  # the same from the other side, where the matrix is smaller
        rows = [np.swapaxes(np.concatenate(seen, axis=2), 1, 2)]
        whole = np.linalg.solve(
            _inhibition(rule, own, rows, caused.shape[1]), np.concatenate(changes, axis=1)
        )
        changes = [whole[:, : seen[0].shape[2]], whole[:, seen[0].shape[2] :]][: len(seen)]
    return changes


def _activity(rule, own, rate, a_j):
    """|η~| (Σ_d μ~^{cd} a_j^d)² over the batch, what Oja's own term multiplies synapses with."""
    if rule["stabilise"]["oja"] != "activation":
        return None
    return np.abs(rate) * np.square(_mix(own["mu_tilde"], a_j)).sum(axis=1, keepdims=True)


def _blocks(events, within):
    """The events that inhibit each other: blocks of at most `within`, as few as can be."""
    count = 1 if within is None else -(-events // within)
    size = -(-events // count)
    return [slice(start, min(start + size, events)) for start in range(0, events, size)]


def _inhibition(rule, own, seen, events):
    """How much events that see the neurons below alike inhibit each other: [c, n, n]."""
    share = 1 / (1 + np.exp(-own["decorrelation"]))
    alike = _sum(a @ np.swapaxes(a, 1, 2) for a in seen)
    mean = (np.trace(alike, axis1=1, axis2=2) / events)[:, None, None]
    unit = np.eye(alike.shape[1], dtype=alike.dtype)
    mean = np.where(mean > 0, mean, 1)
    mixed = (1 - share) * unit + share * alike / mean
    return mean * mixed if rule["update"].get("width_free", False) else mixed


def _stabilised(rule, own, old, changes, activity, kept):
    """(7) with what appendix B adds; all that leads into a neuron is one vector."""
    stable, bound, f_tilde = rule["stabilise"], own["saturation"], own["f_tilde"]
    if stable["saturation"] == "slowing":
        f_tilde = 1 + (f_tilde - 1) * np.maximum(_square(old), 1) ** (-0.5 * np.exp(bound))
    new = [f_tilde * w + change for w, change in zip(old, changes, strict=True)]
    if own["trace_to_synapse"] is not None:
        moves = own["trace_to_synapse"]
        new = [w + moves * m["traces"] for w, m in zip(new, kept, strict=True)]
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
    return _sum(part.sum(axis=1, keepdims=True) for part in parts)


def _sum(parts):
    first, *others = parts
    return sum(others, first)


def _transmit(w, transform, a, table):
    """Σ_{i,d} w_ij^c transform^{cd} a_i^d by event; a synapse of one channel serves all states."""
    if len(a) == 1:  # one state: transformed where there are fewer neurons
        return transform[:, :1, None] * (_events(a, table) @ w)
    seen = _events(_mix(transform, a), table)
    if len(w) > 1:
        return seen @ w
    return (seen.reshape(-1, seen.shape[2]) @ w[0]).reshape(*seen.shape[:2], w.shape[2])


def _mix(transform, a):
    """Σ_d transform^{cd} a^d, neuron by neuron; states that `a` lacks are 0."""
    mixed = transform[:, : len(a)] @ a.reshape(len(a), -1)
    return mixed.reshape(len(transform), *a.shape[1:])


def _events(a, table):
    """What each event sees, [c, events, i]: all neurons of an example, or the places of a table."""
    if table is None:
        return a.reshape(*a.shape[:2], _count(a.shape[2:]))
    return _at(a, table).reshape(len(a), a.shape[1] * len(table), table.shape[1] * a.shape[-1])


def _at(a, table):
    """What is at the positions in a table, [c, batch, positions, places, features]; 0 at -1."""
    flat = a.reshape(*a.shape[:2], _count(a.shape[2:-1]), a.shape[-1])
    return np.concatenate([flat, np.zeros_like(flat[:, :, :1])], axis=2)[:, :, table]


def _pooled(link, a):
    """The lower neurons as synapses see them."""
    for _, up, _ in link["pools"]:
        a = _at(a, up).mean(axis=3)
    return a


def _spread(link, z, batch, whole):
    """The transpose of `_pooled`; `whole`: without the shares, which a length of 1 takes out."""
    for (*_, features), up, down in reversed(link["pools"]):
        z = _at(z.reshape(len(z), batch, -1, features), down.max(axis=1)[:, None])
        z = z if whole else z / up.shape[1]
    return z


def _rescaled(stable, eta, rescale):
    return eta if rescale is None or not stable["normalise_synapses"] else eta * rescale


def _divisor(power, *into):
    """What normalised synapses are divided by: their length, or a power of it."""
    return _length(*into) if power is None else _length(*into) ** power


def _length(*into):
    return np.sqrt(_square(into) + 1e-9)


def _moments(z):
    """The mean and variance over the batch, and over the positions of an image."""
    axes = tuple(range(1, max(z.ndim - 1, 2)))
    mean = z.mean(axis=axes, keepdims=True)
    return mean, np.square(z - mean).mean(axis=axes, keepdims=True)


def _normalised(z, scale, shift, moments):
    mean, variance = moments
    states = -1, *[1] * (z.ndim - 1)
    z = z - mean
    z *= scale.reshape(states) / np.sqrt(variance + 1e-5)
    z += shift.reshape(states)
    return z


def _phi(z, name):
    if name == "tanh":
        return np.tanh(z)
    if name == "relu":
        return np.maximum(z, 0)
    if name == "sine":
        return np.sin(z)
    if name == "folded-relu":
        return np.maximum(z, -z / 2)
    if name == "sigmoid":
        return 1 / (1 + np.exp(-z))
    return np.maximum(np.tanh(z), 0) if name == "relu-tanh" else z


def _phi_prime(z, name):
    if name == "tanh":
        return 1 - np.tanh(z) ** 2
    if name == "relu":
        return (z > 0).astype(z.dtype)
    if name == "sine":
        return np.cos(z)
    if name == "folded-relu":
        return np.where(z > 0, 1.0, -0.5).astype(z.dtype)
    if name == "sigmoid":
        return _phi(z, name) * (1 - _phi(z, name))
    return np.where(z > 0, 1 - np.tanh(z) ** 2, 0) if name == "relu-tanh" else np.ones_like(z)
