import errno
import os
import subprocess
import sys
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from blurax import genome as genomes
from blurax.errors import BluraxError
from blurax.io import load_checkpoint, save_checkpoint, sealed
from blurax.spec import Rule, Update

RULE = Rule(layers=2, update=Update(after_forward=True))


def start(seed=0):
    key = jax.random.key(seed)
    population = jax.vmap(lambda k: genomes.random(k, RULE))(jax.random.split(key, 3))
    return {
        "genomes": population,
        "optimiser": optax.chain(optax.clip_by_global_norm(10.0), optax.adam(1e-3)).init(
            population
        ),
        "best": (None, jnp.float32(jnp.nan), jnp.array([True, False])),
        "keys": [key, jax.random.split(key, (2, 3)), jax.random.key(seed, impl="rbg")],
        "odd": [
            jnp.arange(6, dtype=jnp.bfloat16).reshape(2, 3),
            jnp.bfloat16(-0.0),
            jnp.zeros((0, 2), jnp.bfloat16),
            jnp.array([1 + 2j], jnp.complex64),
            jnp.arange(3, dtype=jnp.uint8),
            jnp.float16(6e-8),
            jnp.zeros((0, 4)),
        ],
        "numpy": np.arange(6, dtype=np.float64).reshape(2, 3).T / 3,
    }


def bits(leaf):
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    return np.asarray(leaf).tobytes()


def assert_same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert (x.shape, x.dtype, bits(x)) == (y.shape, y.dtype, bits(y))


def files(directory):
    return sorted(os.listdir(directory))


def test_the_round_trip_is_exact(tmp_path):
    state, meta = start(1), {"config": {"a": [1, 0.1, None]}, "stage": 2}
    path = save_checkpoint(tmp_path / "run", 123, state, meta)
    assert path == tmp_path / "run" / "checkpoint-00000123.safetensors"
    step, restored, loaded = load_checkpoint(tmp_path / "run", start(0))
    assert (step, loaded) == (123, meta)
    assert_same(restored, state)
    assert isinstance(restored["numpy"], np.ndarray)
    assert isinstance(restored["genomes"].neuron.nu, jax.Array)


def test_shapes_without_numbers_are_enough(tmp_path):
    state = start(1)
    del state["numpy"]
    save_checkpoint(tmp_path, 1, state, {})
    restored = load_checkpoint(str(tmp_path), jax.eval_shape(lambda: state))[1]
    assert_same(restored, state)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(restored))


def test_the_same_state_gives_the_same_bytes(tmp_path):
    one = save_checkpoint(tmp_path / "one", 1, start(), {"a": 1, "b": 2})
    two = save_checkpoint(tmp_path / "two", 1, start(), {"b": 2, "a": 1})
    assert one.read_bytes() == two.read_bytes()


def test_restored_arrays_can_be_donated_and_written(tmp_path):
    save_checkpoint(tmp_path, 1, {"a": jnp.arange(64.0), "n": np.zeros(3)}, {})
    restored = load_checkpoint(tmp_path, {"a": jnp.zeros(64), "n": np.zeros(3)})[1]
    restored["n"][0] = 1
    again = load_checkpoint(tmp_path, {"a": jnp.zeros(64), "n": np.zeros(3)})[1]
    assert jax.jit(jnp.sin, donate_argnums=0)(restored["a"]).shape == (64,)
    assert again["a"][1] == 1


def test_a_bare_array_and_no_array_at_all_are_states(tmp_path):
    for number, state in enumerate([jnp.arange(3), (), {"a": None}]):
        save_checkpoint(tmp_path / str(number), 0, state, {})
        assert_same(load_checkpoint(tmp_path / str(number), state)[1], state)


def test_the_last_two_are_kept_and_strangers_left_alone(tmp_path):
    (tmp_path / "log.jsonl").write_text("x", encoding="utf-8")
    (tmp_path / "checkpoint-best.safetensors").write_text("x", encoding="utf-8")
    for step in (0, 5, 10, 10**8):
        save_checkpoint(tmp_path, step, jnp.arange(3), {})
    assert files(tmp_path) == [
        "checkpoint-00000010.safetensors",
        "checkpoint-100000000.safetensors",
        "checkpoint-best.safetensors",
        "log.jsonl",
    ]
    assert load_checkpoint(tmp_path, jnp.arange(3))[0] == 10**8


def test_going_back_keeps_what_had_come_further(tmp_path):
    for step in (100, 200, 10, 20, 30):
        save_checkpoint(tmp_path, step, jnp.arange(3), {})
    steps = [int(name[11:19]) for name in files(tmp_path)]
    assert steps == [20, 30, 100, 200]


def test_nothing_is_none(tmp_path):
    assert load_checkpoint(tmp_path, start()) is None
    assert load_checkpoint(tmp_path / "missing", start()) is None
    (tmp_path / ".checkpoint-00000001.safetensors.12.tmp").write_bytes(b"half")
    assert load_checkpoint(tmp_path, start()) is None


def test_stale_temporaries_are_removed_at_the_next_save(tmp_path):
    (tmp_path / ".checkpoint-00000007.safetensors.12.tmp").write_bytes(b"half")
    (tmp_path / ".other.12.tmp").write_bytes(b"half")
    save_checkpoint(tmp_path, 1, jnp.arange(3), {})
    assert files(tmp_path) == [".other.12.tmp", "checkpoint-00000001.safetensors"]


def test_no_warning_without_damage(tmp_path):
    save_checkpoint(tmp_path, 1, jnp.arange(3), {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_checkpoint(tmp_path, jnp.arange(3))


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "renamed", "other kind"])
def test_damage_falls_back_with_a_warning_and_at_last_fails(tmp_path, damage):
    def spoil(path):
        data = path.read_bytes()
        flipped = data[:-1] + bytes([data[-1] ^ 1])
        other = sealed.seal(sealed.Kind.GENOME, {}, {"": np.zeros(3)})
        save_elsewhere = save_checkpoint(tmp_path / "elsewhere", 3, jnp.arange(3.0), {})
        choices = {"cut": data[:-1], "flip": flipped, "empty": b"", "other kind": other}
        path.write_bytes(choices.get(damage, save_elsewhere.read_bytes()))

    older, newer = (save_checkpoint(tmp_path, step, jnp.arange(3.0) + step, {}) for step in (1, 2))
    spoil(newer)
    with pytest.warns(UserWarning, match=r"^Falling back to step 1: .*checkpoint-00000002.*\.$"):
        step, restored, _ = load_checkpoint(tmp_path, jnp.zeros(3))
    assert step == 1
    assert_same(restored, jnp.arange(3.0) + 1)
    spoil(older)
    with pytest.raises(BluraxError, match=r"^No checkpoint in .* is valid; .*0002.*0001.*\.$"):
        load_checkpoint(tmp_path, jnp.zeros(3))


@pytest.mark.parametrize(
    ("like", "sentence"),
    [
        ({"a": jnp.zeros(3)}, r"has \['b'\] too many and nothing too few"),
        ({"a": jnp.zeros(3), "b": jnp.zeros(()), "c": jnp.zeros(1)}, r"\['c'\] too few"),
        ({"a": jnp.zeros((3, 1)), "b": jnp.zeros(())}, r"\['a'\] is float\d\d\[3\] in it, but fl"),
        ({"a": jnp.zeros(3, int), "b": jnp.zeros(())}, r"\['a'\] is float\d\d\[3\] in it, but int"),
        ({"a": jnp.zeros(3, jnp.bfloat16), "b": jnp.zeros(())}, r"but bfloat16\[3\]"),
        ({"a": jax.random.split(jax.random.key(0), 3), "b": jnp.zeros(())}, r"but key<fry>\[3\]"),
    ],
)
def test_another_configuration_is_refused(tmp_path, like, sentence):
    save_checkpoint(tmp_path, 1, {"a": jnp.zeros(3), "b": jnp.zeros(())}, {})
    with pytest.raises(BluraxError, match=rf"another configuration: .*{sentence}.*\.$"):
        load_checkpoint(tmp_path, like)


@pytest.mark.parametrize(
    ("state", "like"),
    [
        (jax.random.key(0), jax.random.key(0, impl="rbg")),
        (jax.random.key(0), jax.random.split(jax.random.key(0))),
        (jax.random.key(0), jax.random.key_data(jax.random.key(0))),
        (jax.random.key_data(jax.random.key(0)), jax.random.key(0)),
        (jnp.zeros(3), jax.random.key(0)),
        (jnp.zeros(3, jnp.bfloat16), jnp.zeros((3, 1), jnp.bfloat16)),
        (jnp.zeros(3, jnp.bfloat16), jnp.zeros((3, 2), jnp.uint8)),
        (jnp.zeros((3, 2), jnp.uint8), jnp.zeros(3, jnp.bfloat16)),
    ],
)
def test_keys_and_bits_are_not_mixed_up(tmp_path, state, like):
    save_checkpoint(tmp_path, 1, [state], {})
    with pytest.raises(BluraxError, match=r"another configuration: \[0\] is .*\.$"):
        load_checkpoint(tmp_path, [like])


@pytest.mark.parametrize(
    ("leaf", "sentence"),
    [
        (1.0, r"holds a float at \['a'\]"),
        (object(), r"holds a object at \['a'\]"),
        (np.array(["text"]), "takes arrays of numbers"),
        (np.array([None]), "takes arrays of numbers"),
    ],
)
def test_only_arrays_are_saved(tmp_path, leaf, sentence):
    with pytest.raises(BluraxError, match=sentence):
        save_checkpoint(tmp_path, 1, {"a": leaf}, {})
    assert files(tmp_path) == []


def test_a_bad_step_and_a_bad_meta_are_refused(tmp_path):
    with pytest.raises(BluraxError, match="step of a checkpoint is -1"):
        save_checkpoint(tmp_path, -1, jnp.arange(3), {})
    with pytest.raises(BluraxError, match=r"meta\.a is nan"):
        save_checkpoint(tmp_path, 1, jnp.arange(3), {"a": float("nan")})
    assert files(tmp_path) == []


def test_a_full_disk_leaves_the_older_checkpoints(tmp_path, monkeypatch):
    for step in (1, 2):
        save_checkpoint(tmp_path, step, jnp.arange(3), {})
    before = files(tmp_path)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(BluraxError, match=r"0003\.safetensors cannot be written: No space"):
            save_checkpoint(tmp_path, 3, jnp.arange(3), {})
    assert files(tmp_path) == before
    assert load_checkpoint(tmp_path, jnp.arange(3))[0] == 2


# Children are forked before JAX has started any thread, each is killed in its loop of writes, and
# then what it had acknowledged through the pipe must be there.
KILLED = """
import os, random, signal, sys, time, warnings
import numpy as np
from blurax.io import load_checkpoint, save_checkpoint

warnings.simplefilter("error")
directory, last, halves = sys.argv[1], -1, 0
random.seed(0)
for _ in range(12):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        for step in range(last + 1, 10**6):
            state = {"a": np.full(2**18, step), "b": np.full((), step)}
            save_checkpoint(directory, step, state, {"step": step})
            os.write(writing, b".")
    os.close(writing)
    assert os.read(reading, 1) == b"."
    time.sleep(random.uniform(0.0, 0.05))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    acknowledged = last + 1
    while more := os.read(reading, 4096):
        acknowledged += len(more)
    os.close(reading)
    halves += any(name.endswith(".tmp") for name in os.listdir(directory))
    like = {"a": np.zeros(2**18, int), "b": np.zeros((), int)}
    step, state, meta = load_checkpoint(directory, like)
    assert step in (acknowledged, acknowledged + 1), (step, acknowledged)
    assert meta == {"step": step} and state["b"] == step and (state["a"] == step).all()
    last = step
save_checkpoint(directory, last + 1, like, {})
assert len(os.listdir(directory)) == 2, os.listdir(directory)
print(halves)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_moment_leaves_a_valid_checkpoint(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "run")],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(sealed.__file__).parents[2])},
    )
    assert result.returncode == 0, result.stderr
    print(f"{result.stdout.strip()} of 12 kills left a half-written file")
