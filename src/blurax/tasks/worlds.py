"""The 2-d toys: what their points are and which class a point has.

The domains and constants are those of the authors' release where it has them: points are uniform
in [-1, 1]^2 unless a toy has clouds of its own. Where a toy differs from episode to episode, its
parameters `theta` are drawn with the episode.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

Points = Float[Array, "n 2"]
Labels = Int[Array, " n"]
Region = Callable[[Points], Bool[Array, " n"]]


def _nothing(key: PRNGKeyArray) -> tuple[()]:
    return ()


@dataclasses.dataclass(frozen=True)
class World:
    """A toy's points and classes."""

    about: str
    """One line for lists."""
    label: Callable[[Any, Points], Labels]
    """The class of each point; for clouds, the one whose centre line is nearest."""
    classes: int = 2
    theta: Callable[[PRNGKeyArray], Any] = _nothing
    """What differs from episode to episode."""
    cloud: Callable[[PRNGKeyArray, Any, Labels], Points] | None = None
    """Points of the given classes; None: points are uniform in [-1, 1]^2."""
    coin: bool = False
    """Labels are tossed instead, and say nothing of the point."""

    @property
    def varies(self) -> bool:
        """Whether episodes differ in more than their points."""
        return self.theta is not _nothing


def region(about: str, inside: Region) -> World:
    """Class 1 inside a region, class 0 outside."""
    return World(about, lambda _, x: inside(x).astype(jnp.int32))


def _square(x: Points, centre: tuple[float, float], half: float) -> Bool[Array, " n"]:
    return jnp.max(jnp.abs(x - jnp.asarray(centre, x.dtype)), axis=-1) < half


def _any_square(x: Points) -> Bool[Array, " n"]:
    centres = ((-0.5, -0.5), (-0.5, 0.5), (0.5, -0.5), (0.5, 0.5))
    return jnp.any(jnp.stack([_square(x, centre, 0.25) for centre in centres]), axis=0)


def _pie(x: Points) -> Bool[Array, " n"]:
    return jnp.abs(jnp.arctan2(x[:, 1], x[:, 0])) <= 0.78


def _triangle(x: Points) -> Bool[Array, " n"]:
    return (x[:, 0] + x[:, 1] < 1) & (x[:, 1] - x[:, 0] < 1) & (x[:, 1] > -0.5)


# Two half moons: sklearn.datasets.make_moons, brought to [-1, 1]^2.
_MOON_NOISE = 0.1
_MOON_CENTRE, _MOON_STRETCH = (0.5, 0.25), (2 / 3, 4 / 3)


def _turn(x: Points, angle: float) -> Points:
    c, s = math.cos(angle), math.sin(angle)
    return x @ jnp.asarray([[c, s], [-s, c]], x.dtype)


def _moon_arcs(labels: Labels, angle: Float[Array, " n"]) -> Points:
    upper = jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)
    lower = jnp.stack([1 - jnp.cos(angle), 0.5 - jnp.sin(angle)], axis=-1)
    return jnp.where((labels == 0)[:, None], upper, lower)


def _moon_cloud(key: PRNGKeyArray, labels: Labels) -> Points:
    along, around = jax.random.split(key)
    angle = jnp.pi * jax.random.uniform(along, labels.shape, float)
    points = _moon_arcs(labels, angle)
    points += _MOON_NOISE * jax.random.normal(around, points.shape, float)
    return (points - jnp.asarray(_MOON_CENTRE)) * jnp.asarray(_MOON_STRETCH)


def _moon_label(x: Points) -> Labels:
    """Which arc is nearer, in the moons' own units."""
    points = x / jnp.asarray(_MOON_STRETCH) + jnp.asarray(_MOON_CENTRE)
    angles = jnp.linspace(0, jnp.pi, 65)
    distances = [
        jnp.min(
            jnp.sum(
                (points[:, None] - _moon_arcs(jnp.full(65, label, jnp.int32), angles)) ** 2, axis=-1
            ),
            axis=-1,
        )
        for label in (0, 1)
    ]
    return (distances[1] < distances[0]).astype(jnp.int32)


def two_moon(turn: float) -> World:
    """Two interleaved half moons, turned by an angle."""
    return World(
        "two interleaved half moons" + (", turned by 90°" if turn else ""),
        lambda _, x: _moon_label(_turn(x, -turn)),
        cloud=lambda key, _, labels: _turn(_moon_cloud(key, labels), turn),
    )


# Two pairs of circles, sklearn.datasets.make_circles at two scales, brought to [-1, 1]^2.
_RADII = (0.2, 0.1, 1.0, 0.5)
_RING_NOISE = (0.02, 0.02, 0.1, 0.1)


def _ring_cloud(key: PRNGKeyArray, _: Any, labels: Labels) -> Points:
    along, around = jax.random.split(key)
    angle = 2 * jnp.pi * jax.random.uniform(along, labels.shape, float)
    points = jnp.asarray(_RADII)[labels][:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)
    noise = jax.random.normal(around, points.shape, float)
    return points + jnp.asarray(_RING_NOISE)[labels][:, None] * noise


def _ring_label(_: Any, x: Points) -> Labels:
    """The likeliest ring: its distance in units of its noise, with the noise's own cost."""
    noise = jnp.asarray(_RING_NOISE)
    off = (jnp.linalg.norm(x, axis=-1)[:, None] - jnp.asarray(_RADII)) / noise
    density = off**2 / 2 + jnp.log(noise) + jnp.log(jnp.asarray(_RADII))
    return jnp.argmin(density, axis=-1).astype(jnp.int32)


@functools.cache  # the same world again compiles nothing again
def blobs(classes: int) -> World:
    """Round clouds of deviation 0.1 around random centres in [-1, 1]^2."""

    def cloud(key: PRNGKeyArray, centres: Array, labels: Labels) -> Points:
        return centres[labels] + 0.1 * jax.random.normal(key, (*labels.shape, 2), float)

    def label(centres: Array, x: Points) -> Labels:
        distance = jnp.sum((x[:, None] - centres) ** 2, axis=-1)
        return jnp.argmin(distance, axis=-1).astype(jnp.int32)

    return World(
        f"{classes} round clouds at random places",
        label,
        classes,
        lambda key: jax.random.uniform(key, (classes, 2), float, -1, 1),
        cloud,
    )


@functools.cache
def spiral(arms: int, turns: float) -> World:
    """Arms of noise 0.02 that wind from a quarter of their length to its end, at radius 1."""

    def centre(labels: Labels, along: Float[Array, " n"]) -> Points:
        angle = 2 * jnp.pi * (turns * along + labels / arms)
        return along[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)

    def cloud(key: PRNGKeyArray, _: Any, labels: Labels) -> Points:
        place, around = jax.random.split(key)
        along = jax.random.uniform(place, labels.shape, float, 0.25, 1.0)
        return centre(labels, along) + 0.02 * jax.random.normal(around, (*labels.shape, 2), float)

    def label(_: Any, x: Points) -> Labels:
        along = jnp.linspace(0.25, 1.0, 129)
        distances = [
            jnp.min(
                jnp.sum((x[:, None] - centre(jnp.full(129, arm), along)) ** 2, axis=-1), axis=-1
            )
            for arm in range(arms)
        ]
        return jnp.argmin(jnp.stack(distances), axis=0).astype(jnp.int32)

    return World(f"{arms} arms of a spiral", label, arms, cloud=cloud)


@functools.cache
def checkerboard(squares: int) -> World:
    """Squares of two classes in turn."""

    def label(_: Any, x: Points) -> Labels:
        place = jnp.floor((x + 1) * squares / 2).astype(jnp.int32)
        return jnp.sum(place, axis=-1) % 2

    return World(f"{squares} x {squares} squares of two classes in turn", label)


def _circle_theta(key: PRNGKeyArray) -> tuple[Array, Array]:
    centre, radius = jax.random.split(key)
    return (
        jax.random.uniform(centre, (2,), float, -1, 1),
        jax.random.uniform(radius, (), float, 0.2, 0.7),
    )


def _circle_label(theta: tuple[Array, Array], x: Points) -> Labels:
    centre, radius = theta
    return (jnp.linalg.norm(x - centre, axis=-1) < radius).astype(jnp.int32)


def _projection_theta(key: PRNGKeyArray) -> tuple[Array, Array]:
    matrix, bias = jax.random.split(key)
    return (
        jax.random.uniform(matrix, (2, 2), float, -1, 1),
        jax.random.uniform(bias, (2,), float, -0.5, 0.5),
    )


def _projected_xor(theta: tuple[Array, Array], x: Points) -> Labels:
    matrix, bias = theta
    return (jnp.prod(x @ matrix + bias, axis=-1) > 0).astype(jnp.int32)


WORLDS: dict[str, World] = {
    "xor": region("x1 and x2 of the same sign", lambda x: x[:, 0] * x[:, 1] > 0),
    "nxor": region("x1 and x2 of different signs", lambda x: x[:, 0] * x[:, 1] < 0),
    "and": region("x1 and x2 positive", lambda x: (x[:, 0] > 0) & (x[:, 1] > 0)),
    "or": region("x1 or x2 positive", lambda x: (x[:, 0] > 0) | (x[:, 1] > 0)),
    "nand": region("x1 or x2 negative", lambda x: (x[:, 0] < 0) | (x[:, 1] < 0)),
    "quadrant": region("x1 negative, x2 positive", lambda x: (x[:, 0] < 0) & (x[:, 1] > 0)),
    "two-moon": two_moon(0.0),
    "two-moon-rotated": two_moon(math.pi / 2),
    "centre-circle": region("a disc of radius 0.7", lambda x: jnp.linalg.norm(x, axis=-1) < 0.7),
    "small-circle": region("a disc of radius 0.3", lambda x: jnp.linalg.norm(x, axis=-1) < 0.3),
    "random-circle": World("a disc, each time another", _circle_label, theta=_circle_theta),
    "concentric-circles": World(
        "two pairs of rings, one inside the other", _ring_label, 4, cloud=_ring_cloud
    ),
    "pie-slice": region("a quarter of a pie, open to the right", _pie),
    "square": region("a square of side 0.4", lambda x: _square(x, (0.0, 0.0), 0.2)),
    "squares": region("four squares of side 0.5", _any_square),
    "cross": region("a cross with arms 0.6 wide", lambda x: jnp.min(jnp.abs(x), axis=-1) < 0.3),
    "triangle": region("a triangle, its lower corners cut off", _triangle),
    "random-xor": World(
        "xor after a random linear map, each time another",
        _projected_xor,
        theta=_projection_theta,
    ),
    "random-labels": World(
        "labels are tossed: nothing can be learned",
        lambda _, x: x[:, 0].astype(jnp.int32),
        coin=True,
    ),
}
"""The toys by name, beside `blobs`, whose number of classes is an option."""
