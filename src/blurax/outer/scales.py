"""How far each number of a genome is to be moved: not all of them are of the same size."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from blurax.errors import BluraxError, require
from blurax.genome import leaves, template
from blurax.spec import Oja, Reduction, Rule


def scale_vector(rule: Rule, texts: tuple[str, ...] = ()) -> Float[Array, " size"]:
    """The scale of each number of `genome.flatten`: 1, and the start's size for small gates.

    Args:
        texts: other scales by the name of a leaf or its end, such as synapse.eta_tilde=0.01 or
            nu=2.

    Raises:
        BluraxError: for a text of another form, a name that no leaf has, or a scale that is not
            above 0.
    """
    shapes = leaves(template(rule))
    sizes = {name: _usual(name, rule) for name in shapes}
    for text in texts:
        name, _, value = text.partition("=")
        fitting = [leaf for leaf in shapes if leaf == name or leaf.endswith(f".{name}")]
        require(bool(fitting), f"The scale {text!r} names no leaf; there are {', '.join(shapes)}.")
        sizes |= dict.fromkeys(fitting, _number(text, value))
    return jnp.concatenate(
        [jnp.full(leaf.size, sizes[name], float) for name, leaf in shapes.items()]
    )


def _usual(name: str, rule: Rule) -> float:
    """What starts small, and all else at about 1: η~, the first term of (8), initial synapses."""
    if name.endswith("eta_tilde"):
        return 1e-3 if rule.update.batch is Reduction.SUM else 1e-1
    if name == "init_std":
        return rule.init.std
    return 1e-3 if name.endswith("oja") and rule.stabilise.oja is Oja.MULTIPLIER else 1.0


def _number(text: str, value: str) -> float:
    try:
        found = float(value)
    except ValueError as error:
        raise BluraxError(f"The scale {text!r} is not of the form leaf=number.") from error
    require(0 < found < jnp.inf, f"The scale {text!r} takes a number above 0.")
    return found


def check_scales(rule: Rule, texts: tuple[str, ...]) -> None:
    """Raise `BluraxError` if the scales do not fit the rule."""
    jax.eval_shape(lambda: scale_vector(rule, texts))
