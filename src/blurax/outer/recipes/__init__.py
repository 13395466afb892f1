"""Named configurations: what to type to repeat an experiment, and what it costs."""

import difflib

from blurax.errors import BluraxError
from blurax.outer.recipes.learners import LEARNERS
from blurax.outer.recipes.recipe import Recipe
from blurax.outer.recipes.small import SMALL
from blurax.outer.recipes.zoo import ZOO

__all__ = ["RECIPES", "Recipe", "get_recipe"]

RECIPES: dict[str, Recipe] = {**SMALL, **ZOO, **LEARNERS}
"""Every recipe by name."""


def get_recipe(name: str) -> Recipe:
    """The recipe called `name`.

    Raises:
        BluraxError: if there is none, naming those there are.
    """
    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(RECIPES)}."
        raise BluraxError(f"There is no recipe {name!r}; {hint}")
    return RECIPES[name]
