"""One table of rules that covers every choice of `blurax.spec`, and small networks to run them.

A new choice in `spec.py` needs a line here; `test_spec.py` fails until it has one.
"""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from blurax import genome
from blurax.genome import Genome
from blurax.inner import StepInfo, unroll
from blurax.network import Network, NetworkState
from blurax.spec import (
    Activation,
    Backward,
    Channels,
    Feedback,
    Init,
    InitScale,
    Normalise,
    Oja,
    Over,
    Reduction,
    Rule,
    Saturation,
    Sigma,
    Signal,
    Source,
    Stabilise,
    Symmetry,
    Update,
)

SIZES = (2, 5, 4, 3)
"""No two neighbours alike, so that no transposed matrix fits."""
LAYERS = len(SIZES) - 1
BATCH, STEPS = 4, 3

TANH, RELU, SIGMOID, LINEAR, RELU_TANH, SINE, FOLDED = Activation
ADDITIVE, MULTIPLICATIVE, STATE_2 = Backward
SINGLE, SYMMETRIC = Channels.SINGLE, Symmetry.SYMMETRIC
MEAN, BEFORE = Reduction.MEAN, Source.FORWARD_SWEEP
SMOOTH = Sigma(TANH, TANH, TANH)

TABLE = {
    "default": Rule(),
    "smooth": Rule(sigma=SMOOTH),
    "sigmoid-sigmoid": Rule(states=3, sigma=Sigma(SIGMOID, SIGMOID, SIGMOID)),
    "relu-linear": Rule(sigma=Sigma(RELU, LINEAR, RELU)),
    "linear-relu": Rule(states=3, sigma=Sigma(LINEAR, RELU, RELU_TANH)),
    "one-state": Rule(states=1),
    "one-state-multiplicative": Rule(
        states=1, backward=MULTIPLICATIVE, channels=SINGLE, sigma=SMOOTH, update=Update(MEAN)
    ),
    "multiplicative": Rule(states=3, backward=MULTIPLICATIVE, sigma=SMOOTH),
    "multiplicative-state-2": Rule(states=4, backward=STATE_2, sigma=SMOOTH),
    "symmetric": Rule(states=3, symmetry=SYMMETRIC, sigma=SMOOTH),
    "single": Rule(states=3, channels=SINGLE, sigma=SMOOTH),
    "symmetric-single": Rule(states=4, symmetry=SYMMETRIC, channels=SINGLE, sigma=SMOOTH),
    "backprop": Rule.backprop(),
    "backprop-squared": Rule.backprop(SIGMOID, TANH, Signal.SQUARED_ERROR),
    "backprop-relu": Rule.backprop(RELU, RELU_TANH),
    "backprop-folded": Rule.backprop(FOLDED, FOLDED),
    "derivative-asymmetric": Rule(
        states=4,
        backward=STATE_2,
        sigma=Sigma(RELU_TANH, LINEAR, SIGMOID, derivative=True),
        feedback=Feedback(Signal.SQUARED_ERROR),
    ),
    "squared-error": Rule(sigma=SMOOTH, feedback=Feedback(Signal.SQUARED_ERROR)),
    "cross-entropy": Rule(
        states=3, sigma=Sigma(TANH, TANH, LINEAR), feedback=Feedback(Signal.CROSS_ENTROPY)
    ),
    "per-layer": Rule(
        states=4,
        layers=LAYERS,
        sigma=SMOOTH,
        stabilise=Stabilise(Normalise.BOTH, Oja.MULTIPLIER, saturation=Saturation.TANH),
        update=Update(after_forward=True),
    ),
    "keep-neurons": Rule(keep_neurons=True, sigma=SMOOTH),
    "keep-neurons-every-2": Rule(
        states=4, keep_neurons=True, sigma=SMOOTH, feedback=Feedback(every=2)
    ),
    "after-forward": Rule(states=3, sigma=SMOOTH, update=Update(after_forward=True)),
    "after-forward-every-3": Rule(
        symmetry=SYMMETRIC,
        sigma=SMOOTH,
        update=Update(MEAN, after_forward=True),
        feedback=Feedback(every=3),
    ),
    "forward-source": Rule(states=3, sigma=SMOOTH, update=Update(source=BEFORE)),
    "decorrelate": Rule(states=3, sigma=SMOOTH, update=Update(decorrelate=True)),
    "decorrelate-asymmetric": Rule(
        states=4,
        layers=LAYERS,
        sigma=SMOOTH,
        stabilise=Stabilise(saturation=Saturation.TANH),
        update=Update(MEAN, BEFORE, after_forward=True, decorrelate=True),
    ),
    "decorrelate-backprop": Rule(
        states=2,
        backward=STATE_2,
        symmetry=SYMMETRIC,
        channels=SINGLE,
        sigma=Sigma(TANH, LINEAR, LINEAR, derivative=True),
        update=Update(MEAN, decorrelate=True),
        feedback=Feedback(Signal.CROSS_ENTROPY),
    ),
    "decorrelate-blocks": Rule(
        states=3,
        sigma=Sigma(TANH, FOLDED, TANH),
        update=Update(decorrelate=True, decorrelate_within=3),
    ),
    "decorrelate-blocks-folded": Rule(
        states=2,
        backward=STATE_2,
        symmetry=SYMMETRIC,
        channels=SINGLE,
        sigma=Sigma(FOLDED, LINEAR, LINEAR, derivative=True),
        update=Update(MEAN, BEFORE, decorrelate=True, decorrelate_within=2, width_free=True),
        feedback=Feedback(Signal.CROSS_ENTROPY),
    ),
    "fan-in": Rule(states=3, sigma=SMOOTH, update=Update(MEAN, fan_in=True)),
    "width-free": Rule(states=3, sigma=SMOOTH, update=Update(decorrelate=True, width_free=True)),
    "input-size": Rule(states=3, sigma=SMOOTH, update=Update(MEAN, input_size=True)),
    "error-size": Rule(states=3, sigma=SMOOTH, update=Update(MEAN, error_size=True)),
    "layer-size": Rule(states=3, sigma=SMOOTH, update=Update(MEAN, layer_size=True, trace=True)),
    "batch-size": Rule(states=3, sigma=SMOOTH, update=Update(MEAN, batch_size=True, trace=True)),
    "error-size-everywhere": Rule(
        steps=2,
        sigma=SMOOTH,
        readout=True,
        stabilise=Stabilise(Normalise.FORWARD, saturation=Saturation.SLOWING),
        update=Update(
            *(MEAN, BEFORE),
            after_forward=True,
            decorrelate=True,
            input_size=True,
            error_size=True,
            metaplastic=True,
            trace=True,
        ),
    ),
    "input-size-decorrelate": Rule(
        sigma=SMOOTH, update=Update(source=BEFORE, decorrelate=True, input_size=True)
    ),
    "trace": Rule(states=3, sigma=SMOOTH, update=Update(MEAN, trace=True)),
    "trace-everywhere": Rule(
        states=4,
        layers=LAYERS,
        symmetry=SYMMETRIC,
        channels=SINGLE,
        sigma=SMOOTH,
        stabilise=Stabilise(
            Normalise.FORWARD, normalise_synapses=True, saturation=Saturation.SLOWING
        ),
        update=Update(MEAN, BEFORE, after_forward=True, decorrelate=True, trace=True),
    ),
    "trace-per-step": Rule(
        steps=2, sigma=SMOOTH, update=Update(MEAN, trace=True, after_forward=True)
    ),
    "input-size-width-free": Rule(
        sigma=SMOOTH, update=Update(decorrelate=True, width_free=True, input_size=True)
    ),
    "decay": Rule(states=3, sigma=SMOOTH, update=Update(MEAN, decay=True)),
    "decay-per-step": Rule(
        steps=2, sigma=SMOOTH, readout=True, update=Update(decay=True, after_forward=True)
    ),
    "metaplastic": Rule(states=3, sigma=SMOOTH, update=Update(MEAN, metaplastic=True)),
    "metaplastic-everywhere": Rule(
        steps=2,
        sigma=SMOOTH,
        readout=True,
        stabilise=Stabilise(normalise_synapses=True, saturation=Saturation.SLOWING),
        update=Update(
            *(MEAN, BEFORE),
            after_forward=True,
            decorrelate=True,
            input_size=True,
            trace=True,
            metaplastic=True,
        ),
    ),
    "metaplastic-oja": Rule(
        states=3,
        sigma=SMOOTH,
        stabilise=Stabilise(oja=Oja.MULTIPLIER, saturation=Saturation.TANH),
        update=Update(metaplastic=True),
    ),
    "lateral": Rule(states=3, sigma=SMOOTH, lateral=True),
    "lateral-backprop": dataclasses.replace(Rule.backprop(), lateral=True),
    "lateral-everywhere": Rule(
        states=4,
        layers=LAYERS,
        backward=Backward.MULTIPLICATIVE,
        sigma=SMOOTH,
        stabilise=Stabilise(Normalise.BOTH),
        lateral=True,
    ),
    "readout": Rule(states=3, sigma=SMOOTH, readout=True, update=Update(fan_in=True)),
    "readout-per-step": Rule(
        states=4,
        steps=2,
        readout=True,
        sigma=SMOOTH,
        stabilise=Stabilise(Normalise.BOTH, normalise_synapses=True, rescale=True),
        update=Update(MEAN, after_forward=True, trace=True),
        init=Init(0.7, InitScale.FAN_IN, learned=True),
    ),
    "mean": Rule(sigma=SMOOTH, update=Update(MEAN), init=Init(1.0, InitScale.FAN_IN)),
    "normalise-forward": Rule(sigma=SMOOTH, stabilise=Stabilise(Normalise.FORWARD)),
    "normalise-backward": Rule(states=3, sigma=SMOOTH, stabilise=Stabilise(Normalise.BACKWARD)),
    "normalise-hidden": Rule(
        states=3, sigma=SMOOTH, stabilise=Stabilise(Normalise.BOTH, normalise_last=False)
    ),
    "normalise-layer": Rule(
        states=3, sigma=SMOOTH, stabilise=Stabilise(Normalise.BOTH, normalise_over=Over.LAYER)
    ),
    "normalise-global": Rule(
        sigma=SMOOTH,
        stabilise=Stabilise(Normalise.BOTH, normalise_last=False, normalise_over=Over.GLOBAL),
    ),
    "normalise-cross": Rule(
        states=4, sigma=SMOOTH, stabilise=Stabilise(Normalise.BOTH, normalise_over=Over.CROSS)
    ),
    "sine": Rule(states=3, sigma=Sigma(SINE, SINE, SINE, derivative=True)),
    "normalise-derivative": Rule(
        backward=STATE_2,
        sigma=Sigma(TANH, LINEAR, TANH, derivative=True),
        stabilise=Stabilise(Normalise.BOTH),
    ),
    "oja": Rule(sigma=SMOOTH, stabilise=Stabilise(oja=Oja.MULTIPLIER)),
    "oja-full": Rule(states=3, sigma=SMOOTH, stabilise=Stabilise(oja=Oja.FULL)),
    "normalise-synapses": Rule(sigma=SMOOTH, stabilise=Stabilise(normalise_synapses=True)),
    "length-power": Rule(
        states=3, sigma=SMOOTH, stabilise=Stabilise(normalise_synapses=True, normalise_power=True)
    ),
    "length-power-readout": Rule(
        backward=STATE_2,
        symmetry=SYMMETRIC,
        channels=SINGLE,
        readout=True,
        sigma=Sigma(FOLDED, LINEAR, LINEAR, derivative=True),
        stabilise=Stabilise(
            Normalise.BOTH,
            normalise_synapses=True,
            saturation=Saturation.SLOWING,
            normalise_last=False,
            rescale=True,
            normalise_power=True,
        ),
        update=Update(MEAN, BEFORE, trace=True),
        feedback=Feedback(Signal.CROSS_ENTROPY),
    ),
    "pass-through": Rule(
        states=3,
        backward=Backward.MULTIPLICATIVE,
        sigma=Sigma(TANH, TANH, TANH, derivative=True, pass_through=True),
    ),
    "pass-through-readout": Rule(
        backward=STATE_2,
        symmetry=SYMMETRIC,
        channels=SINGLE,
        readout=True,
        sigma=Sigma(FOLDED, LINEAR, LINEAR, derivative=True, pass_through=True),
        stabilise=Stabilise(Normalise.BOTH, normalise_last=False),
        update=Update(MEAN, BEFORE),
        feedback=Feedback(Signal.CROSS_ENTROPY),
    ),
    "saturation": Rule(
        channels=SINGLE, sigma=SMOOTH, stabilise=Stabilise(saturation=Saturation.TANH)
    ),
    "saturation-exponential": Rule(
        sigma=SMOOTH, stabilise=Stabilise(saturation=Saturation.EXPONENTIAL)
    ),
    "saturation-length": Rule(
        states=3,
        sigma=SMOOTH,
        stabilise=Stabilise(normalise_synapses=True, saturation=Saturation.LENGTH),
    ),
    "saturation-slowing": Rule(
        states=3,
        sigma=SMOOTH,
        stabilise=Stabilise(oja=Oja.FULL, normalise_synapses=True, saturation=Saturation.SLOWING),
        init=Init(1.5, InitScale.FAN_IN),
    ),
    "oja-activation": Rule(
        states=3, sigma=SMOOTH, stabilise=Stabilise(oja=Oja.ACTIVATION), update=Update(MEAN)
    ),
    "oja-activation-single": Rule(
        states=4,
        channels=SINGLE,
        sigma=SMOOTH,
        stabilise=Stabilise(oja=Oja.ACTIVATION),
        update=Update(source=BEFORE, after_forward=True),
    ),
    "rescale": Rule(
        states=4,
        symmetry=SYMMETRIC,
        sigma=SMOOTH,
        stabilise=Stabilise(normalise_synapses=True, rescale=True),
    ),
    "rescale-multiplicative": Rule(
        states=3,
        layers=LAYERS,
        backward=STATE_2,
        sigma=SMOOTH,
        stabilise=Stabilise(Normalise.FORWARD, normalise_synapses=True, rescale=True),
    ),
    "stored": Rule(sigma=SMOOTH, stabilise=Stabilise(normalise_stored=True)),
    "stored-rescale": Rule(
        states=4,
        sigma=SMOOTH,
        stabilise=Stabilise(rescale=True, normalise_stored=True, saturation=Saturation.TANH),
        update=Update(after_forward=True),
    ),
    "stored-symmetric": Rule(
        states=3,
        symmetry=SYMMETRIC,
        sigma=SMOOTH,
        stabilise=Stabilise(rescale=True, normalise_stored=True),
    ),
    "stored-both": Rule(
        states=3,
        symmetry=SYMMETRIC,
        channels=SINGLE,
        sigma=SMOOTH,
        stabilise=Stabilise(normalise_synapses=True, rescale=True, normalise_stored=True),
    ),
    "learned-init": Rule(sigma=SMOOTH, init=Init(0.5, InitScale.FAN_IN, learned=True)),
    "per-step": Rule(states=4, steps=2, sigma=SMOOTH, stabilise=Stabilise(Normalise.BOTH)),
    "per-step-and-layer": Rule(
        states=4,
        steps=2,
        layers=LAYERS,
        keep_neurons=True,
        sigma=SMOOTH,
        stabilise=Stabilise(
            oja=Oja.ACTIVATION, rescale=True, normalise_stored=True, saturation=Saturation.TANH
        ),
        update=Update(MEAN, after_forward=True),
        feedback=Feedback(every=2),
    ),
    "per-step-learned-init": Rule(steps=3, layers=LAYERS, init=Init(learned=True)),
    "five-states": Rule(states=5, stabilise=Stabilise(Normalise.BOTH, Oja.FULL)),
    "everything": Rule(
        states=5,
        layers=LAYERS,
        keep_neurons=True,
        sigma=Sigma(SIGMOID, TANH, SIGMOID, derivative=True),
        stabilise=Stabilise(Normalise.BOTH, Oja.FULL, True, Saturation.EXPONENTIAL),
        update=Update(MEAN, BEFORE, after_forward=True),
        feedback=Feedback(Signal.CROSS_ENTROPY, every=2),
        init=Init(0.7, InitScale.FAN_IN),
    ),
}

EXPORTED = [n for n, rule in TABLE.items() if rule.stabilise.normalise_over is Over.BATCH]
"""Those that exported files compute; the others they refuse."""


def lively(rule: Rule) -> Genome:
    """A genome no number of which is near 0 or 1, so that none can be left out unnoticed.

    The seed is one with which no rule of the table falls silent (relus) or saturates.
    """
    rng = np.random.default_rng(18)

    def numbers(leaf: jax.ShapeDtypeStruct) -> jax.Array:
        sign = rng.choice([-1.0, 1.0], leaf.shape)
        return jnp.asarray(sign * rng.uniform(0.3, 0.9, leaf.shape))

    return jax.tree.map(numbers, genome.template(rule))


def labels(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """+1 for a random class and -1 for the others."""
    return 2.0 * np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])] - 1.0


def initial(rule: Rule) -> NetworkState:
    """A network for `rule`; kept neurons start at random, as after a step before."""
    rng, key = np.random.default_rng(1), jax.random.key(0)
    of = genome.random(jax.random.key(0), rule)
    shapes = jax.eval_shape(lambda key: Network(SIZES).init(key, of, BATCH), key)

    def numbers(path: tuple, leaf: jax.ShapeDtypeStruct) -> jax.Array:
        if jnp.issubdtype(leaf.dtype, jnp.integer):  # no step is behind it
            return jnp.zeros(leaf.shape, leaf.dtype)
        found = jnp.asarray(0.5 * rng.normal(size=leaf.shape))
        return found**2 if "metaplasticity" in jax.tree_util.keystr(path) else found

    return jax.tree.map_with_path(numbers, shapes)


def batches(steps: int = STEPS) -> tuple[jax.Array, jax.Array]:
    """The inputs and labels of some inner steps."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(steps, BATCH, SIZES[0])), labels(rng, steps, BATCH, SIZES[-1])
    return jnp.asarray(x), jnp.asarray(y)


def everything(state: NetworkState, info: StepInfo) -> tuple[NetworkState, StepInfo]:
    """The observer that sees all."""
    return state, info


jit = partial(
    jax.jit,
    compiler_options={
        "xla_backend_optimization_level": 0,
        "xla_llvm_disable_expensive_passes": True,
        "xla_cpu_use_fusion_emitters": False,
    },
)
"""`jax.jit` for functions that run briefly: compiling takes the tests longer than running."""

run = jit(partial(unroll, observe=everything))
"""Some inner steps; compiled once for each rule, however many tests use it."""
