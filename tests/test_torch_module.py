"""The module for PyTorch: it learns as blurax does, and is a module like others."""

import copy
import io
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import blurax
from blurax.errors import BluraxError
from blurax.fit import network_for
from blurax.inner import observe_moments, predict, step
from blurax.learner import Blur
from blurax.network import Network
from blurax.targets import signed_one_hot
from blurax.tasks import EpisodeSpec, Split
from closeness import assert_close
from ports import needs_torch

DENSE = Network((6, 8, 5, 3))
CONV = network_for(blurax.task("digits"), "c3k3s2-6")
STEPS = 6


def made(*args, **named):
    import blurax.torch

    return blurax.torch.Blur(*args, **named)


def number(array):
    import torch

    return torch.as_tensor(np.array(array))


def batches(network, steps=STEPS, size=12):
    draw = np.random.default_rng(4)
    x = draw.normal(size=(steps, size, *network.groups[0]))
    return x, draw.integers(0, network.groups[-1][-1], (steps, size))


def taught(name, network, x, y, dtype):
    """A network of blurax in float64 and a module of this dtype, taught the same from one start."""
    genome = blurax.load(name)
    first = Blur(genome, network).init(jax.random.key(0), x.shape[1])
    first = jax.tree.map(lambda leaf: leaf.astype("float32").astype(leaf.dtype), first)
    net, state, classes = (
        made(genome, network, dtype=dtype).start_at(first),
        first,
        network.sizes[-1],
    )
    one = jax.jit(lambda s, x, y, n: step(genome, s, x, signed_one_hot(y, classes), n)[0])
    for n in range(len(x)):
        state = one(state, x[n], y[n], n)
        net.learn(number(x[n]).to(dtype), number(y[n]))
    return genome, state, net


@needs_torch
@pytest.mark.parametrize("network", [DENSE, CONV], ids=["dense", "convolutional"])
@pytest.mark.parametrize("name", ["default", "steady", "continual", "backprop"])
def test_it_learns_as_blurax_does(name, network):
    import torch

    if network is CONV and name in ("default", "continual"):
        name = "conv"
    x, y = batches(network)
    genome, state, net = taught(name, network, x, y, torch.float64)
    for layer, edge in zip(state.synapses, net._state()["synapses"], strict=True):
        assert_close(edge[0].numpy(), layer.forward, 1e-10)
    moments = observe_moments(genome, state, jnp.asarray(x[-1]))
    assert_close(
        net(number(x[0])).numpy(), predict(genome, state, jnp.asarray(x[0]), moments), 1e-9
    )


@needs_torch
@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("steady", 1e-5),
        ("continual", 1e-5),
        ("images", 1e-5),
        ("backprop", 1e-5),
        ("default", 1e-4),
    ],
)
@pytest.mark.parametrize("hidden", ["64-32", "c4k3s2-16"])
def test_float32_stays_near_over_thirty_steps(name, most, hidden):
    """Of `default` blurax's own float32 is as far from its float64: 9e-6 in the dense network."""
    import torch

    digits = blurax.task("digits")
    network, spec = network_for(digits, hidden), EpisodeSpec(steps=30, batch=32)
    support = digits.sample(jax.random.key(1), spec, Split.TRAIN).support
    x = np.array(support.x, np.float32).reshape(30, 32, *network.groups[0]).astype(float)
    _, state, net = taught(name, network, x, np.argmax(support.y, -1), torch.float32)
    for layer, edge in zip(state.synapses, net._state()["synapses"], strict=True):
        exact = np.asarray(layer.forward)
        assert np.abs(edge[0].numpy() - exact).max() < most * np.abs(exact).max()


@needs_torch
@pytest.mark.parametrize("network", [DENSE, CONV], ids=["dense", "convolutional"])
def test_a_module_that_is_loaded_goes_on_to_the_same_bits(network):
    import torch

    x, y = (number(part) for part in batches(network))
    net = made("conv", network, seed=1, dtype=torch.float32)
    for n in range(3):
        net.learn(x[n].float(), y[n])
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    loaded = made("conv", network, seed=2)
    loaded.load_state_dict(torch.load(file, weights_only=True))
    twin = copy.deepcopy(net)
    for each in (net, loaded, twin):
        for n in range(3, STEPS):
            each.learn(x[n].float(), y[n])
    said = [each(x[0].float()) for each in (net, loaded, twin)]
    assert torch.equal(said[0], said[1])
    assert torch.equal(said[0], said[2])
    assert int(loaded.steps) == STEPS


@needs_torch
def test_seeds_draw_other_networks_and_the_same_again():
    import torch

    first, again, other = (made("steady", DENSE, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.synapses_0_forward, again.synapses_0_forward)
    assert not torch.equal(first.synapses_0_forward, other.synapses_0_forward)
    assert not list(first.parameters())


@needs_torch
def test_it_moves_to_another_dtype():
    import torch

    x, y = (number(part) for part in batches(DENSE))
    net = made("steady", DENSE)
    net.learn(x[0].float(), y[0])
    before = net(x[1].float())
    after = net.double()(x[1])
    assert after.dtype == torch.float64
    assert_close(after.numpy(), before.numpy(), 1e-4)


@needs_torch
def test_inference_mode_and_gradients_go_together():
    import torch

    x, y = (number(part).float() for part in batches(DENSE))
    net = made("steady", DENSE)
    with torch.inference_mode():
        net.learn(x[0], y[0].long())
        net(x[1])
    asked = x[1].clone().requires_grad_()
    net(asked).sum().backward()
    assert asked.grad is not None
    assert asked.grad.abs().sum() > 0


@needs_torch
@pytest.mark.parametrize("other", [("smooth", DENSE), ("steady", Network((6, 8, 4, 3)))])
def test_the_state_of_another_rule_or_network_is_refused(other):
    net = made("steady", DENSE)
    before = net.synapses_0_forward.clone()
    with pytest.raises(BluraxError, match="state_dict is of another rule or network"):
        net.load_state_dict(made(*other).state_dict())
    assert net.synapses_0_forward.equal(before)


@needs_torch
def test_it_learns_digits():
    import torch
    from sklearn.datasets import load_digits

    rows, labels = load_digits(return_X_y=True)
    x = torch.as_tensor((rows - rows.mean(0)) / (rows.std(0) + 1e-6)).float()
    y = torch.as_tensor(labels)
    net = made("default", (64, 32, 10))
    for n in range(40):
        net.learn(x[n * 32 : n * 32 + 32], y[n * 32 : n * 32 + 32])
    assert (net(x[1400:]).argmax(1) == y[1400:]).float().mean() > 0.8


@needs_torch
def test_predictions_hold_whatever_the_others_are_and_can_be_told_by_what():
    import torch

    x, y = (number(part) for part in batches(DENSE))
    net = made("steady", DENSE, dtype=torch.float64)
    net.learn(x[0], y[0])
    alone = net(x[1][:1])
    assert_close(net(x[1])[:1].numpy(), alone.numpy(), 1e-12)
    net.observe(3 * x[2] + 1)
    assert not torch.allclose(net(x[1])[:1], alone)
    saved = made("steady", DENSE, seed=9, dtype=torch.float64)
    saved.load_state_dict(net.state_dict())
    assert torch.equal(saved(x[1]), net(x[1]))


@needs_torch
def test_a_gradient_with_respect_to_inputs_goes_through():
    x, y = (number(part) for part in batches(DENSE))
    net = made("backprop", DENSE)
    net.learn(x[0].float(), y[0])
    asked = x[1].float().requires_grad_()
    net(asked).sum().backward()
    assert asked.grad is not None
    assert asked.grad.abs().sum() > 0


@needs_torch
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((4, 5)), np.zeros(4, int), r"x has shape \(4, 5\); the network takes \[batch, 6"),
        (np.zeros((0, 6)), np.zeros(0, int), r"x has shape \(0, 6\)"),
        (np.zeros((4, 6), int), np.zeros(4, int), r"x is a tensor of torch\.int64"),
        (np.zeros((4, 6)), np.full(4, 3), r"y has classes from 3 to 3; the network takes 0 to 2"),
        (np.zeros((4, 6)), np.zeros(3, int), r"y is a tensor of .* class numbers \[4\]"),
        (np.zeros((4, 6)), np.zeros(4), r"y has shape \(4,\); it takes \[4, 3\]"),
        (np.zeros((4, 6)), np.zeros(4, bool), r"y is a tensor of torch\.bool"),
    ],
)
def test_what_does_not_fit_is_refused(x, y, message):
    with pytest.raises(BluraxError, match=message):
        made("steady", DENSE).learn(number(x), number(y))


@needs_torch
def test_genomes_and_networks_that_do_not_fit_are_refused():
    import torch

    with pytest.raises(BluraxError, match=r"no genome or learner 'stedy'.*steady"):
        made("stedy", DENSE)
    with pytest.raises(BluraxError, match=r"dtype is torch\.int64"):
        made("steady", DENSE, dtype=torch.int64)
    with pytest.raises(BluraxError, match="x is one example"):
        made("steady", DENSE).observe(torch.zeros((1, 6)))
    state = Blur(blurax.load("steady"), Network((6, 3))).init(jax.random.key(0), 4)
    with pytest.raises(BluraxError, match="state is of"):
        made("steady", DENSE).start_at(state)


def test_without_pytorch_a_sentence_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None; import blurax; import blurax.torch"
    words = [sys.executable, "-c", code]
    found = subprocess.run(words, capture_output=True, encoding="utf-8", check=False)
    assert "pip install 'blurax[torch]'" in found.stderr.splitlines()[-1]
