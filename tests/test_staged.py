"""Tasks in sequence: what a stage shows, what is held apart, what is refused."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import blurax
from blurax.errors import BluraxError
from blurax.stages import Stages, each_stage
from blurax.tasks import (
    EpisodeSpec,
    Split,
    check_task,
    from_arrays,
    from_sequence,
    get,
    grammar,
)
from blurax.tasks.views import Permuted, Rotated

SPEC = EpisodeSpec(steps=6, batch=4, query=5, held_out=7)
KEY = jax.random.key(3)
N = 60


def numbered(classes=2):
    """The features of an example are powers of its number: they tell which they are."""
    x = np.stack([np.arange(N) ** power for power in (1.0, 2.0, 3.0)], axis=1)
    task = from_arrays(x, np.arange(N) % classes, "numbered")
    return task


@functools.cache
def drawn(text, split=Split.TRAIN, spec=SPEC):
    task = get(text)
    return task, jax.jit(lambda key: task.sample(key, spec, split))(KEY)


def rows(x):
    return {np.asarray(row).round(9).tobytes() for row in np.asarray(x).reshape(len(x), -1)}


def test_steps_belong_to_stages_and_the_last_stage_has_no_end():
    stages = Stages(3, 4)
    assert (stages.total, stages.ends) == (12, (4, 8, 12))
    index = jnp.arange(14)
    assert jax.vmap(stages.at)(index).tolist() == [0] * 4 + [1] * 4 + [2] * 6
    assert np.flatnonzero(jax.vmap(stages.ends_with)(index)).tolist() == [3, 7, 11]


def test_each_stage_is_asked_its_own_part():
    query = {"a": jnp.arange(6), "b": jnp.arange(12).reshape(6, 2)}
    found = each_stage(Stages(3, 1), query, lambda n, part: (n, part["a"], part["b"]))
    assert found[0].tolist() == [0, 1, 2]
    assert found[1].tolist() == [[0, 1], [2, 3], [4, 5]]
    np.testing.assert_array_equal(found[2].reshape(6, 2), query["b"])


def test_permuted_inputs_are_those_of_the_task_in_another_order():
    task, episode = drawn("sequence:digits:by=permute,stages=3,steps=2")
    base = np.asarray(get("digits")._examples(jnp.arange(1797))[0]).reshape(1797, -1)
    known, plain = rows(np.sort(base, axis=1)), rows(base)
    for step, batch in enumerate(np.asarray(episode.x).reshape(6, 4, -1)):
        assert rows(np.sort(batch, axis=1)) <= known
        assert (rows(batch) <= plain) == (step < 2)  # the first stage shows them as they are
    assert task.stages == Stages(3, 2)


def test_a_stage_has_one_order_for_its_batches_and_its_query():
    task = from_sequence(numbered(), by="permute", stages=3, steps=2, repeat=True)
    episode, orders = jax.jit(lambda key: task.sample(key, SPEC, Split.TRAIN))(KEY), []
    base = np.asarray(numbered().x)
    support = np.asarray(episode.x).reshape(3, 8, 3)
    for found in np.concatenate([support, episode.query_x.reshape(3, 5, 3)], axis=1):
        ways = [
            order
            for order in np.ndindex(3, 3, 3)
            if len(set(order)) == 3
            and all((abs(base[:, order] - row).max(1) < 1e-9).any() for row in found)
        ]
        assert ways, "a stage shows rows that no single order of the inputs explains"
        orders.append(ways)
    assert (0, 1, 2) in orders[0]


def test_orders_are_drawn_anew_for_each_episode_but_for_the_first_stage():
    view = Permuted(50, (50,))
    one, other = (view.draw(jax.random.key(k), 3) for k in (0, 1))
    for orders in (one, other):
        assert orders[0].tolist() == list(range(50))
        assert all(sorted(order.tolist()) == list(range(50)) for order in orders)
    assert (one[1] != one[2]).any()
    assert (one[1] != other[1]).any()


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_rotation_by_right_angles_is_that_of_numpy(turns):
    images = np.random.default_rng(0).normal(size=(2, 3, 5, 5, 2))
    found = Rotated((5, 5, 2)).see(jnp.asarray(turns * np.pi / 2), jnp.asarray(images))
    np.testing.assert_allclose(found, np.rot90(images, turns, axes=(2, 3)), atol=1e-9)


def test_the_first_stage_is_not_turned_and_others_are():
    view = Rotated((8, 8, 1))
    angles = view.draw(KEY, 4)
    assert angles[0] == 0
    assert ((angles[1:] > 0) & (angles[1:] < np.pi)).all()
    image = jnp.asarray(np.random.default_rng(1).normal(size=(1, 8, 8, 1)))
    np.testing.assert_array_equal(view.see(angles[0], image), image)


def test_classes_are_divided_in_order_and_share_the_outputs():
    spec = EpisodeSpec(steps=4, batch=4, query=5, held_out=7)
    task, episode = drawn("sequence:digits:by=classes,stages=2,steps=2", spec=spec)
    base = get("digits")
    x = np.asarray(base._examples(jnp.arange(1797))[0]).reshape(1797, -1).round(9)
    label = {row.tobytes(): int(c) for row, c in zip(x, base.labels, strict=True)}
    assert task.outputs == 5
    x = np.concatenate([episode.x.reshape(2, 8, -1), episode.query_x.reshape(2, 5, -1)], axis=1)
    y = np.concatenate([episode.y.reshape(2, 8, -1), episode.query_y.reshape(2, 5, -1)], axis=1)
    for stage in range(2):
        for row, answer in zip(x[stage].round(9), y[stage], strict=True):
            assert label[row.tobytes()] == 5 * stage + int(answer.argmax())


@pytest.mark.parametrize("by", ["permute", "classes"])
def test_queries_are_held_apart(by):
    task = from_sequence(numbered(4), by=by, stages=2, steps=3, repeat=True)
    spec = EpisodeSpec(steps=6, batch=8, query=3, held_out=50)

    @jax.jit
    def draw(key):
        episodes = {split: task.sample(key, spec, split) for split in Split}
        return {split: (each.x, each.query_x) for split, each in episodes.items()}

    def which(x):  # the largest of a row whose order is unknown
        return {round(float(v), 6) for v in np.asarray(x).reshape(-1, 3).max(1)}

    found = {split: (which(x), which(query)) for split, (x, query) in draw(KEY).items()}
    for split, (learned, asked) in found.items():
        # A stage of the same task may learn from what another is asked: only of training examples.
        assert split is Split.TRAIN or not learned & asked
    assert not found[Split.VALIDATE][1] & found[Split.TEST][1]
    assert not found[Split.TRAIN][0] & (found[Split.VALIDATE][1] | found[Split.TEST][1])


@pytest.mark.parametrize(
    "text",
    [
        "sequence:digits:by=rotate,stages=2,steps=3",
        "sequence:xor/and:steps=3",
        "sequence:iris/iris:steps=3,permute-labels,noise=0.1",
    ],
)
def test_an_episode_can_be_drawn_in_parts(text):
    task, whole = drawn(text)
    check_task(task, SPEC, Split.TEST)
    part = EpisodeSpec(steps=2, batch=4, query=5, held_out=7)
    draw = jax.jit(lambda first: task.sample(KEY, part, Split.TRAIN, first))
    for first in (0, 2, 4):
        found = draw(first)
        np.testing.assert_allclose(found.x, whole.x[first : first + 2], atol=1e-12)
        np.testing.assert_array_equal(found.y, whole.y[first : first + 2])
        np.testing.assert_allclose(found.query_x, whole.query_x, atol=1e-12)


def test_tasks_in_sequence_keep_their_names_and_stages():
    for text in ("sequence:digits:by=permute,stages=3,steps=2", "sequence:xor/and:steps=3"):
        assert get(text).name == text
        assert get(get(text).name).stages == get(text).stages
    assert get("sequence:digits:by=permute", stages=3, steps=2).stages == Stages(3, 2)
    assert blurax.from_sequence([get("xor"), get("and")], steps=7).stages == Stages(2, 7)


REFUSED = {
    "sequence:digits": "a single stage; it takes by=permute",
    "sequence:digits:by=permute,stages=1": "has a single stage",
    "sequence:digits:by=classes,stages=7": "10 classes, which cannot be divided into 7 stages",
    "sequence:digits:by=classes,stages=10": "two or more classes each",
    "sequence:digits/xor": "take tasks of one shape; digits has inputs (8, 8, 1)",
    "sequence:": "is not of the form",
    "sequence:xor//and": "is not of the form",
    "sequence:digits:by=turn": "by is 'turn'; it takes tasks, permute, rotate, classes",
    "sequence:xor:by=rotate": "takes images",
    "sequence:xor:by=classes": "no task over stored examples",
    "sequence:xor/and:by=permute": "which is for a single task",
    "sequence:xor/and:stages=3": "has 2 tasks, but stages is 3",
    "sequence:xor/and+xor": "a mixture takes tasks without",
    "sequence:delayed-bit/delayed-bit": "without a time axis",
    "sequence:digits:by=permute,stage=3": "did you mean stages?",
    "sequence:digits:by=permute,steps=0": "steps is 0",
    "sequence:nothing:by=permute": "There is no task 'nothing'",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_sequence_is_refused_in_a_sentence(text):
    with pytest.raises(BluraxError) as refused:
        get(text)
    assert REFUSED[text] in str(refused.value)


def test_a_stage_longer_than_its_data_is_refused_unless_it_may_repeat():
    text, spec = "sequence:digits:by=permute,stages=2,steps=100", EpisodeSpec(steps=2)
    with pytest.raises(BluraxError, match="takes 12,800 examples, but there are 1,437 to learn"):
        get(text).sample(KEY, spec, Split.TEST)
    again = get(f"{text},repeat")
    found = jax.eval_shape(lambda key: again.sample(key, spec, Split.TEST), KEY)
    assert found.x.shape[:2] == (2, 128)


def test_a_python_list_is_checked_too(unchecked):
    with pytest.raises(BluraxError, match="the list is empty"):
        from_sequence([])
    with pytest.raises(BluraxError, match="by is 'shuffle'"):
        from_sequence(numbered(), by="shuffle")
    with pytest.raises(BluraxError, match="it takes a Task"):
        from_sequence(["xor", "and"])
    rare = from_arrays(np.arange(40.0)[:, None], [0, 1, 2, 3] + [0] * 36, "rare")
    with pytest.raises(BluraxError, match="no example of class"):
        from_sequence(rare, by="classes", stages=2)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"stages": 0}, "stages is 0; it takes a whole number >= 1"),
        ({"stages": 1}, "has a single stage"),
        ({"stages": -2}, "stages is -2"),
        ({"stages": 2.5}, "stages is 2.5; it takes a whole number"),
        ({"stages": "3"}, "stages is '3'"),
        ({"stages": True}, "stages is True"),
        ({"steps": 0}, "steps is 0; it takes a whole number >= 1"),
        ({"steps": None}, "steps is None"),
        ({"repeat": "yes"}, "repeat is 'yes'; it takes True or False"),
        ({"name": 3}, "name is 3; it takes a text: what to call the task"),
        ({"by": 3}, "by is 3; it takes tasks, permute"),
        ({"tasks": None}, "task is of type NoneType; it takes a Task"),
        ({"tasks": 5}, "task is of type int; it takes a Task"),
        ({"tasks": "xor"}, "task is of type str; it takes a Task"),
        ({"tasks": [None]}, "task is of type NoneType"),
    ],
    ids=str,
)
def test_what_a_sequence_is_made_of_is_checked_in_python(given, says, unchecked):
    with pytest.raises(BluraxError, match=says):
        from_sequence(**{"tasks": numbered(), "by": "permute", **given})


def test_numbers_of_numpy_are_numbers(unchecked):
    task = from_sequence(numbered(), by="permute", stages=np.int64(2), steps=np.int32(3))
    assert task.stages == Stages(2, 3)


@pytest.mark.parametrize(
    ("text", "stages", "options"),
    [
        ("uci:sonar:by=permute", ("uci:sonar",), {"by": "permute"}),
        ("uci:sonar,by=permute", ("uci",), {"sonar": "true", "by": "permute"}),
        ("uci:sonar/uci:ecoli", ("uci:sonar", "uci:ecoli"), {}),
        ("uci:sonar/uci:ecoli:repeat", ("uci:sonar", "uci:ecoli"), {"repeat": "true"}),
        ("picture:china/xor/uci:ecoli:a=1,b", ("picture:china", "xor", "uci:ecoli"), {"a": "1"}),
        ("xor/and:repeat", ("xor", "and"), {"repeat": "true"}),
        ("xor/and:repeat,steps=3", ("xor", "and"), {"repeat": "true", "steps": "3"}),
        ("uci:sonar/xor:steps=3", ("uci:sonar", "xor"), {"steps": "3"}),
        ("mnist:classes=0/1/2/3,by=classes", ("mnist",), {"classes": "0/1/2/3"}),
        ("csv:path=C:/a/b.csv,by=permute", ("csv",), {"path": "C:/a/b.csv"}),
        ('csv:path="a:b/c,d",by=permute', ("csv",), {"path": "a:b/c,d"}),
        ("xor", ("xor",), {}),
    ],
)
def test_a_task_of_a_sequence_may_have_a_word_of_its_own(text, stages, options):
    (item,) = grammar.parse(f"sequence:{text}")
    assert item.stages == stages
    assert options.items() <= dict(item.options).items()
    assert item.name == stages[0].partition(":")[0]
    (again,) = grammar.parse(grammar.spelled(item.full_name, dict(item.options)))
    assert again == item
