"""`blurax recipes`: named configurations."""

from rich.table import Table

from blurax.cli.terminal import Terminal
from blurax.outer.recipes import RECIPES


def recipes() -> None:
    """List the recipes: named configurations for blurax meta-train --recipe."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("recipe", no_wrap=True)
    table.add_column("what it does")
    table.add_column("what it took")
    for name, recipe in RECIPES.items():
        table.add_row(f"{name} (v{recipe.version})", recipe.about, recipe.cost)
    Terminal().print(table)
