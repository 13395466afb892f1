"""The equations of the paper as loops over single numbers: no array algebra, nothing of blurax.

Only `Rule` is shared, for it is the name of what is to be computed. Every function follows the
printed equation letter by letter; `[c, b, i]` is state c of neuron i in example b, `[c, i, j]`
channel c of the synapse from i to j.
"""

import math

import numpy as np

from blurax.spec import Activation, Backward, Oja, Over, Reduction, Saturation


def at(w, c, i, j):
    """w_ij^c; a synapse with a single channel serves every state."""
    return float(w[c if len(w) > 1 else 0, i, j])


def a_with_bias(a, c, b, i):
    """a_i^c, where the unit after the last neuron is the bias, 1 in every state."""
    return 1.0 if i == a.shape[2] else float(a[c, b, i])


def forward(a_i, a_j, w_ij, nu, f, eta):
    """f a_j^c + η Σ_{i in I(j), d} w_ij^c ν^{cd} a_i^d, equation (5) before σ."""
    z, k = np.zeros(a_j.shape), len(a_j)
    for c, b, j in np.ndindex(*a_j.shape):
        total = 0.0
        for i in range(a_i.shape[2] + 1):
            for d in range(k):
                total += at(w_ij, c, i, j) * nu[c, d] * a_with_bias(a_i, d, b, i)
        z[c, b, j] = f * a_j[c, b, j] + eta * total
    return z


def inhibition(a, strength, gamma=10.0):
    """What state 2 of each neuron gets from the others of its layer, by one number at a time."""
    given, (_, batch, n) = np.zeros(a.shape), a.shape
    for b, i, j in np.ndindex(batch, n, n):
        apart = a[0, b, i] - a[0, b, j]
        push = -4 * gamma * apart * math.exp(-gamma * apart**2) / (n - 1)
        given[1, b, i] += strength * push
    return given


def passed(a, share):
    """The states as errors meet them that go on: state 2 drawn towards 1 by a share."""
    new = np.array(a)
    for b, i in np.ndindex(*a.shape[1:]):
        new[1, b, i] = (1 - share) * a[1, b, i] + share
    return new


def backward(a_i, a_j, w_ji, mu, f, eta, how, given=None):
    """f a_i^c + η Σ_{j in J(i), d} w_ji^c μ^{cd} a_j^d, equation (6) before σ, and Fig. 9."""
    z, k = np.zeros(a_i.shape), len(a_i)
    for c, b, i in np.ndindex(*a_i.shape):
        total = 0.0
        for j in range(a_j.shape[2]):
            for d in range(k):
                total += at(w_ji, c, j, i) * mu[c, d] * a_j[d, b, j]
        kept, got = f * a_i[c, b, i], eta * total
        if given is not None:
            got += given[c, b, i]
        if how is Backward.ADDITIVE:
            z[c, b, i] = kept + got
        elif how is Backward.MULTIPLICATIVE or c > 0:
            z[c, b, i] = kept * got
        else:
            z[c, b, i] = kept
    return z


def product(a_i, a_j, nu_tilde, mu_tilde, c, i, j, reduction, among=None):
    """Σ_{e,d} a_i^e ν~^{ec} μ~^{cd} a_j^d of one synapse, over the batch; a_i may be the bias.

    `among[c, b, other]` is how much what example `other` tells bears on example b.
    """
    k, batch = len(a_j), a_j.shape[1]
    total = 0.0
    for b in range(batch):
        for e in range(k):
            pre = a_with_bias(a_i, e, b, i) * nu_tilde[e, c]
            for other in range(batch):
                weight = float(b == other) if among is None else among[c, b, other]
                for d in range(k):
                    total += pre * weight * mu_tilde[c, d] * a_with_bias(a_j, d, other, j)
    return total / batch if reduction is Reduction.MEAN else total


def among_examples(a_i, nu_tilde, gene, inputs, width_free=False):
    """((1 - s) I + s K)^-1 of each channel, where K says how alike examples excite the lower layer.

    Args:
        inputs: the number of neurons of the lower layer, its bias unit counted if it has one.
        width_free: divide by the mean excitation, so that its size does not count.
    """
    (k, batch, _), channels = a_i.shape, nu_tilde.shape[1]
    share, found = 1 / (1 + math.exp(-gene)), np.zeros((channels, batch, batch))
    for c in range(channels):
        alike = np.zeros((batch, batch))
        for b, other, i in np.ndindex(batch, batch, inputs):
            one = sum(a_with_bias(a_i, e, b, i) * nu_tilde[e, c] for e in range(k))
            two = sum(a_with_bias(a_i, e, other, i) * nu_tilde[e, c] for e in range(k))
            alike[b, other] += one * two
        mean = sum(alike[b, b] for b in range(batch)) / batch
        mixed = (1 - share) * np.eye(batch) + share * alike / (mean if mean > 0 else 1.0)
        found[c] = np.linalg.inv(mixed) / (mean if width_free else 1.0)
    return found


def among_blocks(a_i, within, *own):
    """The same where examples act only on those of their own block of at most `within`."""
    batch = a_i.shape[1]
    count = math.ceil(batch / within)
    size = math.ceil(batch / count)
    found = [among_examples(a_i[:, n : n + size], *own) for n in range(0, batch, size)]
    whole = np.zeros((len(found[0]), batch, batch))
    for number, part in enumerate(found):
        here = slice(number * size, number * size + part.shape[1])
        whole[:, here, here] = part
    return whole


def synapse(a_i, a_j, w_ij, nu_tilde, mu_tilde, f_tilde, eta_tilde, reduction, among=None):
    """f~ w_ij^c + η~ Σ_{e,d} a_i^e ν~^{ec} μ~^{cd} a_j^d, equation (7)."""
    new = np.zeros(w_ij.shape)
    for c, i, j in np.ndindex(*w_ij.shape):
        heard = product(a_i, a_j, nu_tilde, mu_tilde, c, i, j, reduction, among)
        gate = f_tilde[c, i, j] if np.ndim(f_tilde) else f_tilde
        new[c, i, j] = gate * w_ij[c, i, j] + eta_tilde * heard
    return new


def oja_multiplier(w, m):
    """-|m| w_ij^c Σ_r (w_rj^c)², the first term of (8)."""
    out = np.zeros(w.shape)
    for c, i, j in np.ndindex(*w.shape):
        out[c, i, j] = -abs(m) * w[c, i, j] * sum(w[c, r, j] ** 2 for r in range(w.shape[1]))
    return out


def oja_activation(a_j, w, mu_tilde, eta_tilde, m, reduction):
    """-|η~| |m| w_ij^c Σ_b (Σ_d μ~^{cd} a_j^d)², after E. Oja's own rule."""
    out, batch = np.zeros(w.shape), a_j.shape[1]
    for c, i, j in np.ndindex(*w.shape):
        total = 0.0
        for b in range(batch):
            post = sum(mu_tilde[c, d] * a_j[d, b, j] for d in range(len(a_j)))
            total += post**2
        total = total / batch if reduction is Reduction.MEAN else total
        out[c, i, j] = -abs(eta_tilde) * abs(m) * w[c, i, j] * total
    return out


def oja_full(a_i, a_j, w, nu_tilde, mu_tilde, f_tilde, eta_tilde, reduction, among=None):
    """(8): -(f~ - 1) w_ij^c Σ_r (w_rj^c)² - η~ w_ij^c Σ_r w_rj^c Σ_{e,d} a_r^e ν~^{ec} ..."""
    out, (channels, n_i, n_j) = np.zeros(w.shape), w.shape
    for c, j in np.ndindex(channels, n_j):
        first, second = 0.0, 0.0
        for r in range(n_i):
            first += w[c, r, j] ** 2
            heard = product(a_i, a_j, nu_tilde, mu_tilde, c, r, j, reduction, among)
            second += w[c, r, j] * heard
        for i in range(n_i):
            gate = f_tilde[c, i, j] if np.ndim(f_tilde) else f_tilde
            out[c, i, j] = -(gate - 1) * w[c, i, j] * first - eta_tilde * w[c, i, j] * second
    return out


def normalise_activations(z, scale, shift, over=Over.BATCH):
    """Mean 0 and variance 1 for each state, scaled and shifted."""
    out = np.zeros(z.shape)
    for c, b, n in np.ndindex(*z.shape):
        mean, variance = _statistics(z[c], b, n, over)
        out[c, b, n] = scale[c] * (z[c, b, n] - mean) / math.sqrt(variance + 1e-5) + shift[c]
    return out


def _statistics(z, b, n, over):
    """The mean and the variance by which z[b, n] is normalised."""
    batch, neurons = z.shape
    column = [z[r, n] for r in range(batch)]
    row = [z[b, r] for r in range(neurons)]
    if over is Over.CROSS:
        middle = (sum(row) + sum(column) - z[b, n]) / (batch + neurons)
        return middle, sum(_variance(v, max(len(v) - 1, 1)) for v in (row, column))
    among = {Over.BATCH: column, Over.LAYER: row, Over.GLOBAL: [*z.ravel()]}[over]
    return sum(among) / len(among), _variance(among, len(among))


def _variance(values, divisor):
    mean = sum(values) / len(values)
    return sum((v - mean) ** 2 for v in values) / divisor


def normalise_synapses(w, power=1.0):
    """w_ij / sqrt(Σ_i' w_i'j²), or w_ij divided by another power of this length."""
    out = np.zeros(w.shape)
    for c, i, j in np.ndindex(*w.shape):
        squares = sum(w[c, r, j] ** 2 for r in range(w.shape[1]))
        out[c, i, j] = w[c, i, j] / math.sqrt(squares + 1e-9) ** power
    return out


def saturate(w, alpha):
    """α tanh(w / α)."""
    out = np.zeros(w.shape)
    for c, i, j in np.ndindex(*w.shape):
        out[c, i, j] = alpha * math.tanh(w[c, i, j] / alpha)
    return out


def shorten(w, alpha):
    """The synapses into a neuron, shortened to exp(α) where they are longer."""
    out = np.zeros(w.shape)
    for c, i, j in np.ndindex(*w.shape):
        length = math.sqrt(sum(w[c, r, j] ** 2 for r in range(w.shape[1])) + 1e-9)
        out[c, i, j] = w[c, i, j] * min(1.0, math.exp(alpha) / length)
    return out


def slowed_gates(w, f_tilde, alpha):
    """1 + (f~ - 1) |w_j|^-exp(α) for each vector into a neuron that is longer than 1, else f~."""
    gates = np.zeros(w.shape)
    for c, i, j in np.ndindex(*w.shape):
        length = math.sqrt(sum(w[c, r, j] ** 2 for r in range(w.shape[1])))
        gates[c, i, j] = 1 + (f_tilde - 1) * max(length, 1.0) ** -math.exp(alpha)
    return gates


def saturate_exponentially(w, updated, s):
    """The change of w, times exp(-|s| |w|)."""
    out = np.zeros(w.shape)
    for c, i, j in np.ndindex(*w.shape):
        change = updated[c, i, j] - w[c, i, j]
        out[c, i, j] = w[c, i, j] + change * math.exp(-abs(s) * abs(w[c, i, j]))
    return out


def phi(z, activation):
    """φ(z) of one number."""
    if activation is Activation.TANH:
        return math.tanh(z)
    if activation is Activation.RELU:
        return max(z, 0.0)
    if activation is Activation.SIGMOID:
        return 1 / (1 + math.exp(-z))
    if activation is Activation.RELU_TANH:
        return max(math.tanh(z), 0.0)
    if activation is Activation.SINE:
        return math.sin(z)
    if activation is Activation.FOLDED_RELU:
        return z if z > 0 else -z / 2
    return z


def phi_prime(z, activation):
    """φ'(z) of one number."""
    if activation is Activation.TANH:
        return 1 / math.cosh(z) ** 2
    if activation is Activation.RELU:
        return 1.0 if z > 0 else 0.0
    if activation is Activation.SIGMOID:
        return math.exp(-z) / (1 + math.exp(-z)) ** 2
    if activation is Activation.RELU_TANH:
        return 1 / math.cosh(z) ** 2 if z > 0 else 0.0
    if activation is Activation.SINE:
        return math.cos(z)
    if activation is Activation.FOLDED_RELU:
        return 1.0 if z > 0 else -0.5
    return 1.0


def sigma(z, activation, derivative=False):
    """σ: φ on every state, φ' on state 2 where the gradient is to flow."""
    out = np.zeros(z.shape)
    for c, b, n in np.ndindex(*z.shape):
        own = phi_prime if derivative and c == 1 else phi
        out[c, b, n] = own(z[c, b, n], activation)
    return out


def transposed(w_ij):
    """w_ji of symmetric synapses; nothing runs back to the bias unit, the last row."""
    channels, with_bias, n_j = w_ij.shape
    w_ji = np.zeros((channels, n_j, with_bias - 1))
    for c, j, i in np.ndindex(*w_ji.shape):
        w_ji[c, j, i] = w_ij[c, i, j]
    return w_ji


def input_size(a_i, nu_tilde, gene, inputs):
    """(200 / c)^p of each channel, c the mean over examples of Σ_i (Σ_e a_i^e ν~^{ec})²."""
    (k, batch, _), rates = a_i.shape, []
    for c in range(nu_tilde.shape[1]):
        total = 0.0
        for b, i in np.ndindex(batch, inputs):
            total += sum(a_with_bias(a_i, e, b, i) * nu_tilde[e, c] for e in range(k)) ** 2
        rates.append((200 * batch / total) ** gene if total > 0 else 1.0)
    return rates


def error_size(a_j, mu_tilde, gene):
    """(.091 / (c + .001))^r, c the mean over examples of (Σ_e μ~^{ce} a_j^e)² / |μ~^c|²: [c, j]."""
    (k, batch, neurons), channels = a_j.shape, len(mu_tilde)
    rates = np.zeros((channels, neurons))
    for c, j in np.ndindex(channels, neurons):
        total = sum(sum(mu_tilde[c, e] * a_j[e, b, j] for e in range(k)) ** 2 for b in range(batch))
        length = sum(mu_tilde[c, e] ** 2 for e in range(k))
        rates[c, j] = (0.091 / (total / batch / length + 0.001)) ** gene
    return rates


def traced(genes, w, change, m):
    """m after (7): F²¹ w + F²² m + ω Δ, synapse by synapse."""
    new = np.zeros(m.shape)
    for c, i, j in np.ndindex(*m.shape):
        new[c, i, j] = genes.trace_of_synapse * w[c, i, j] + genes.trace_kept * m[c, i, j]
        new[c, i, j] += genes.trace_of_change * change[c, i, j]
    return new


def updated(genes, rule, a_i, a_j, w, m=None, s=None):
    """One matrix of synapses after (7), with what appendix B adds to it, its traces, its sums."""
    pair = genes.nu_tilde, genes.mu_tilde
    f_tilde = genes.f_tilde
    if rule.stabilise.saturation is Saturation.SLOWING:
        f_tilde = slowed_gates(w, f_tilde, genes.saturation)
    gates = f_tilde, genes.eta_tilde
    if rule.update.fan_in:
        gates = f_tilde, genes.eta_tilde * (64 / np.shape(a_i)[-1]) ** genes.fan_in
    if rule.update.input_size:
        rates = input_size(a_i, genes.nu_tilde, genes.input_size, w.shape[1])
        pair = genes.nu_tilde, np.array(rates)[:, None] * genes.mu_tilde
    among = None
    if rule.update.decorrelate:
        own = genes.nu_tilde, genes.decorrelation, w.shape[1], rule.update.width_free
        among = among_blocks(a_i, rule.update.decorrelate_within or len(a_i[0]), *own)
    reduction = rule.update.batch, among
    new = synapse(a_i, a_j, w, *pair, *gates, *reduction)
    change = synapse(a_i, a_j, w, *pair, 0.0, gates[1], *reduction)
    if rule.update.error_size:
        rated = error_size(a_j, genes.mu_tilde, genes.error_size)[:, None, :] * change
        new, change = new + rated - change, rated
    if rule.update.batch_size:
        rated = (len(a_j[0]) / 128) ** genes.batch_size * change
        new, change = new + rated - change, rated
    if rule.update.layer_size:
        rated = (64 / w.shape[2]) ** genes.layer_size * change
        new, change = new + rated - change, rated
    if rule.update.metaplastic:
        slow = slowed(change, s, genes.metaplastic_scale, genes.metaplastic_power)
        new, change, s = new + slow - change, slow, summed(s, slow, np.shape(a_i)[-1])
    if rule.update.trace:
        new = new + genes.trace_to_synapse * m
    if rule.stabilise.oja is Oja.MULTIPLIER:
        new = new + oja_multiplier(w, genes.oja)
    if rule.stabilise.oja is Oja.ACTIVATION:
        new = new + oja_activation(
            a_j, w, genes.mu_tilde, genes.eta_tilde, genes.oja, rule.update.batch
        )
    if rule.stabilise.oja is Oja.FULL:
        new = new + oja_full(a_i, a_j, w, *pair, *gates, *reduction)
    if rule.stabilise.saturation is Saturation.TANH:
        new = saturate(new, genes.saturation)
    if rule.stabilise.saturation is Saturation.LENGTH:
        new = shorten(new, genes.saturation)
    if rule.stabilise.saturation is Saturation.EXPONENTIAL:
        new = saturate_exponentially(w, new, genes.saturation)
    return new, traced(genes, new, change, m) if rule.update.trace else None, s


def slowed(change, s, scale, power):
    """The change of each synapse, smaller where it changed before."""
    found = np.zeros(change.shape)
    for c, i, j in np.ndindex(*change.shape):
        found[c, i, j] = change[c, i, j] / (1 + math.exp(scale) * s[c, i, j]) ** power
    return found


def summed(s, change, below):
    """The sum of squares by which each synapse changed, a step on."""
    found = np.zeros(s.shape)
    for c, i, j in np.ndindex(*s.shape):
        found[c, i, j] = s[c, i, j] + below * change[c, i, j] ** 2
    return found
