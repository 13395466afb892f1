import dataclasses
import errno
import json
import os

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies
from safetensors.numpy import save

from blurax import genome as genomes
from blurax.errors import BluraxError
from blurax.frozen import to_json
from blurax.io import Provenance, load_genome, save_genome, sealed
from blurax.spec import (
    Channels,
    Init,
    Normalise,
    Oja,
    Rule,
    Saturation,
    Stabilise,
    Update,
)

RULES = [
    Rule(),
    Rule(states=1),
    Rule(states=5, channels=Channels.SINGLE, layers=3),
    Rule(states=3, update=Update(after_forward=True)),
    Rule(
        layers=2,
        stabilise=Stabilise(Normalise.BOTH, Oja.MULTIPLIER, saturation=Saturation.TANH),
        update=Update(after_forward=True),
    ),
    Rule.backprop(),
    Rule(steps=2, init=Init(0.2, learned=True)),
    Rule(
        steps=3,
        layers=2,
        stabilise=Stabilise(oja=Oja.ACTIVATION, normalise_stored=True, rescale=True),
    ),
]
PROVENANCE = Provenance(
    library_version="0.1.0",
    created="2024-01-31",
    seed=7,
    tasks=("moons", "circles"),
    meta_steps=1000,
    score=0.1 + 0.2,
    config={"outer": {"learning_rate": 5e-4, "name": "η"}, "hidden": [32, None, True]},
    note='with "quotes"\nand µ',
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A path to write to, and the bytes of a file that is as it should be."""
    path = tmp_path_factory.mktemp("whole") / "spoilt"
    save_genome(path, random(Rule(states=1)), PROVENANCE)
    return path, path.read_bytes()


def enable_x64(on):
    return jax.enable_x64(on) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64(on)


def random(rule=None, seed=0):
    draw = np.random.default_rng(seed)
    shapes = genomes.template(rule or Rule())
    return jax.tree.map(lambda leaf: jnp.asarray(draw.normal(size=leaf.shape), leaf.dtype), shapes)


def assert_same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.dtype == y.dtype
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


def parts(genome=None, provenance=PROVENANCE):
    """The content and the tensors of a genome file, to be spoilt."""
    genome = random() if genome is None else genome
    content = {"rule": genomes_rule(genome.rule), "provenance": plain(provenance)}
    return content, {name: np.array(leaf) for name, leaf in genomes.leaves(genome).items()}


def genomes_rule(rule):
    return json.loads(json.dumps(dataclasses.asdict(rule)))


def plain(provenance):
    return json.loads(json.dumps(dataclasses.asdict(provenance)))


def written(tmp_path, content, tensors, kind=sealed.Kind.GENOME):
    """A file with a valid checksum over whatever it holds."""
    path = tmp_path / "genome.safetensors"
    path.write_bytes(sealed.seal(kind, content, tensors))
    return path


def refuses(path, sentence):
    with pytest.raises(BluraxError, match=sentence) as caught:
        load_genome(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("rule", "x64"), [*((rule, True) for rule in RULES), (RULES[0], False), (RULES[2], False)]
)
def test_the_round_trip_is_exact_and_deterministic(tmp_path, rule, x64):
    with enable_x64(x64):
        genome = random(rule)
        save_genome(tmp_path / "a", genome, PROVENANCE)
        loaded, provenance = load_genome(tmp_path / "a")
        assert_same(loaded, genome)
        assert loaded.rule == rule
        assert provenance == PROVENANCE
        save_genome(tmp_path / "b", loaded, provenance)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_path_may_be_a_string_and_the_tricky_floats_survive(tmp_path):
    tricky = [-0.0, 1e-45, 3.4028235e38, 1 / 3]
    genome = random()
    genome = genomes.unflatten(
        jnp.resize(jnp.array(tricky), genomes.flatten(genome).shape), genome.rule
    )
    save_genome(str(tmp_path / "a"), genome, PROVENANCE)
    assert_same(load_genome(str(tmp_path / "a"))[0], genome)


def test_either_precision_is_read_as_the_default_one(tmp_path):
    with enable_x64(True):
        double = random()
        save_genome(tmp_path / "double", double, PROVENANCE)
    with enable_x64(False):
        single = random()
        save_genome(tmp_path / "single", single, PROVENANCE)
        narrowed = load_genome(tmp_path / "double")[0]
        assert_same(narrowed, jax.tree.map(lambda x: jnp.asarray(np.float32(x)), double))
    with enable_x64(True):
        widened = load_genome(tmp_path / "single")[0]
        assert_same(widened, jax.tree.map(lambda x: jnp.asarray(np.float64(x)), single))


def test_a_number_too_large_for_the_default_precision_is_refused(tmp_path):
    content, tensors = parts()
    tensors["neuron.f"] = np.array(1e300)
    path = written(tmp_path, content, tensors)
    with enable_x64(False):
        refuses(path, "too large for float32; switch on jax_enable_x64")
    with enable_x64(True):
        assert load_genome(path)[0].neuron.f == 1e300


def test_each_flipped_bit_is_noticed(tmp_path):
    provenance = dataclasses.replace(PROVENANCE, config={"é": "\u00fc"}, score=None)
    save_genome(tmp_path / "whole", random(Rule(states=1)), provenance)
    data = (tmp_path / "whole").read_bytes()
    for place in range(len(data)):
        for bit in range(8):
            spoilt = bytearray(data)
            spoilt[place] ^= 1 << bit
            with pytest.raises(BluraxError, match=r"^here .*\.$"):
                sealed.unseal(bytes(spoilt), sealed.Kind.GENOME, "here")


def test_each_truncation_and_extension_is_noticed(tmp_path):
    save_genome(tmp_path / "whole", random(), PROVENANCE)
    data = (tmp_path / "whole").read_bytes()
    for length in range(len(data)):
        sentence = "here is empty" if length == 0 else "here is .*cut off"
        with pytest.raises(BluraxError, match=sentence):
            sealed.unseal(data[:length], sealed.Kind.GENOME, "here")
    with pytest.raises(BluraxError, match="here is cut off or damaged"):
        sealed.unseal(data + b"\0", sealed.Kind.GENOME, "here")


@hypothesis.settings(max_examples=100, deadline=None, database=None, derandomize=True)
@hypothesis.given(data=strategies.data())
def test_any_other_bytes_are_refused(whole, data):
    """Cut a piece out of a file, and put any bytes in its place."""
    path, original = whole
    start, end = sorted(data.draw(strategies.tuples(*[strategies.integers(0, len(original))] * 2)))
    spoilt = original[:start] + data.draw(strategies.binary(max_size=20)) + original[end:]
    hypothesis.assume(spoilt != original)
    path.write_bytes(spoilt)
    refuses(path, "spoilt")


def test_a_missing_file_a_directory_and_a_giant_are_refused(tmp_path):
    refuses(tmp_path / "none", "There is no file .*check the path")
    refuses(tmp_path, "is not a file")
    with open(tmp_path / "giant", "wb") as file:
        file.truncate(2**40)  # sparse
    refuses(tmp_path / "giant", "has 1099511627776 bytes, but a genome file has at most")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with a name")
def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    refuses(tmp_path / "pipe", "is not a file")


def test_other_files_are_told_apart(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"PK\x03\x04 some other format, and long enough")
    refuses(path, "is not a safetensors file")
    path.write_bytes(save({"neuron.nu": np.ones((2, 2))}))
    refuses(path, "not one of blurax")
    path.write_bytes(save({"neuron.nu": np.ones((2, 2))}, {"blurax": "[" * 100000}))
    refuses(path, "is damaged")
    path.write_bytes(save({"neuron.nu": np.ones((2, 2))}, {"blurax": "[]"}))
    refuses(path, "is damaged")
    refuses(written(tmp_path, *parts(), sealed.Kind.CHECKPOINT), "is a checkpoint file")


@pytest.mark.parametrize("version", [2, 10**30])
def test_a_newer_version_asks_for_an_upgrade(tmp_path, monkeypatch, version):
    monkeypatch.setattr(sealed, "VERSION", version)
    path = written(tmp_path, *parts())
    monkeypatch.undo()
    refuses(path, f"format version {version}, but this library reads version 1 only; upgrade")


@pytest.mark.parametrize("version", [None, 0, -1, True, "1", 1.0])
def test_a_version_that_is_none_is_damage(tmp_path, monkeypatch, version):
    monkeypatch.setattr(sealed, "VERSION", version)
    path = written(tmp_path, *parts())
    monkeypatch.undo()
    refuses(path, "no format version")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda rule: rule.update(colour="red"), "Rule has no field colour"),
        (lambda rule: rule.pop("states"), "Rule lacks the field states"),
        (lambda rule: rule.update(backward="sideways"), "Rule.backward is 'sideways'"),
        (lambda rule: rule.update(backward=["additive"]), "Rule.backward is "),
        (lambda rule: rule.update(sigma=3), "Rule.sigma is 3"),
        (lambda rule: rule.update(states="2"), "Rule.states is '2'"),
        (lambda rule: rule.update(states=10**9), "k = 2 states .* rule is for k = 1000000000"),
        (lambda rule: rule["init"].update(std=10**400), "it takes a number from 0"),
        (lambda rule: rule.update(states=3), "k = 2 states .* its rule is for k = 3"),
        (lambda rule: rule.update(layers=2), "its rule is for each of several layers"),
        (lambda rule: rule.update(channels="single"), r"synapse\.\w+ of shape \(2, 2\)"),
        (lambda rule: rule["update"].update(after_forward=True), "lacks the tensor forward_syn"),
    ],
)
def test_a_rule_that_does_not_fit_is_named(tmp_path, spoil, sentence):
    content, tensors = parts()
    spoil(content["rule"])
    refuses(written(tmp_path, content, tensors), sentence)


def test_another_number_of_layers_is_named(tmp_path):
    content, tensors = parts(random(Rule(layers=3)))
    content["rule"]["layers"] = 2
    refuses(written(tmp_path, content, tensors), "for 3 layers, but its rule is for 2")


def test_another_number_of_steps_is_named(tmp_path):
    content, tensors = parts(random(Rule(steps=3, layers=2)))
    content["rule"]["steps"] = 2
    refuses(written(tmp_path, content, tensors), "for 3 steps, but its rule is for 2")
    content["rule"]["layers"] = None
    refuses(written(tmp_path, content, tensors), "its rule is for each of several steps")


@pytest.mark.parametrize("missing", ["rule", "provenance"])
def test_a_header_without_a_part_is_named(tmp_path, missing):
    content, tensors = parts()
    del content[missing]
    refuses(written(tmp_path, content, tensors), f"{missing.capitalize()} is None")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda p: p.pop("seed"), "Provenance lacks the field seed"),
        (lambda p: p.update(colour="red"), "Provenance has no field colour"),
        (lambda p: p.update(seed="7"), "Provenance.seed is '7'; it takes a whole number"),
        (lambda p: p.update(tasks="moons"), "Provenance.tasks is 'moons'"),
        (lambda p: p.update(created="yesterday"), "Provenance.created is 'yesterday'"),
        (lambda p: p.update(score=10**400), "too large"),
        (lambda p: p.update(config=[]), "Provenance.config is "),
    ],
)
def test_a_provenance_that_does_not_fit_is_named(tmp_path, spoil, sentence):
    content, tensors = parts()
    spoil(content["provenance"])
    refuses(written(tmp_path, content, tensors), sentence)


@pytest.mark.parametrize(
    ("name", "tensor", "sentence"),
    [
        ("neuron.nu", None, "lacks the tensor neuron.nu"),
        ("synapse.mu_tilde", None, "lacks the tensor synapse.mu_tilde"),
        ("neuron.colour", np.ones(2), "has the tensor neuron.colour without a use"),
        ("neuron.nu", np.ones(()), "all layers alike"),
        ("neuron.nu", np.ones((2, 3)), "k = 3 states"),
        ("neuron.mu", np.ones((3, 2)), r"neuron\.mu of shape \(3, 2\), .* takes \(2, 2\)"),
        ("neuron.f", np.ones((), np.int32), "neuron.f of dtype int32"),
        ("neuron.f", np.ones((), np.float16), "neuron.f of dtype float16"),
        ("neuron.f", np.array(np.nan), "neuron.f that is not finite"),
        ("neuron.mu", np.full((2, 2), -np.inf), "neuron.mu that is not finite"),
    ],
)
def test_tensors_that_do_not_fit_are_named(tmp_path, name, tensor, sentence):
    content, tensors = parts()
    tensors[name] = tensor
    if tensor is None:
        del tensors[name]
    refuses(written(tmp_path, content, tensors), sentence)


@pytest.mark.parametrize("spoil", [lambda x: x * jnp.nan, lambda x: x[None], lambda x: x > 0])
def test_what_could_not_be_loaded_is_not_saved(tmp_path, spoil):
    with pytest.raises(BluraxError, match=r"^The genome for .*\.$"):
        save_genome(tmp_path / "file", jax.tree.map(spoil, random()), PROVENANCE)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_the_old_genome(tmp_path, monkeypatch):
    save_genome(tmp_path / "file", random(), PROVENANCE)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(BluraxError, match=r"cannot be written: No space left on device\.$"):
            save_genome(tmp_path / "file", random(seed=1), PROVENANCE)
    assert_same(load_genome(tmp_path / "file")[0], random())


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("library_version", 1),
        ("created", "31.1.2024"),
        ("seed", 1.5),
        ("seed", True),
        ("tasks", ["moons"]),
        ("tasks", (1,)),
        ("meta_steps", -1),
        ("score", "high"),
        ("score", float("nan")),
        ("config", None),
        ("config", {"a": {1: 2}}),
        ("config", {"a": [float("inf")]}),
        ("config", {"a": object()}),
        ("note", None),
    ],
)
def test_provenance_checks_its_fields(field, value):
    with pytest.raises(BluraxError, match=rf"^Provenance\.{field}.*\.$"):
        dataclasses.replace(PROVENANCE, **{field: value})


def test_a_config_is_copied_as_plain_json():
    config = {"sizes": (2, 3), "rule": Normalise.BOTH}
    provenance = dataclasses.replace(PROVENANCE, config=config)
    config["sizes"] = ()
    assert provenance.config == {"sizes": [2, 3], "rule": "both"}
    assert type(provenance.config["rule"]) is str


def test_a_config_nested_without_end_is_refused():
    config = {}
    config["again"] = config
    with pytest.raises(BluraxError, match="nested more than"):
        dataclasses.replace(PROVENANCE, config=config)


def test_a_file_of_many_strange_tensors_is_refused_in_short(tmp_path):
    path = tmp_path / "g.safetensors"
    genome = genomes.template(Rule())
    zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), genome)
    tensors = {name: np.asarray(leaf) for name, leaf in genomes.leaves(zeros).items()}
    tensors |= {f"strange{n:05}": np.zeros(1, np.float32) for n in range(20_000)}
    provenance = Provenance("0", "2024-01-31", 0, (), 0, None, {})
    content = {"rule": to_json(Rule()), "provenance": to_json(provenance)}
    path.write_bytes(sealed.seal(sealed.Kind.GENOME, content, tensors))
    message = r"strange00000, .*, strange00004 and 19,995 more without a use"
    with pytest.raises(BluraxError, match=message) as caught:
        load_genome(path)
    assert len(str(caught.value)) < 400
