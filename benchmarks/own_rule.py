"""The README's rule before and after its numbers are learned, next to tuned optimisers.

Run as `python benchmarks/own_rule.py`: prints the tables, draws docs/own-rule.png. The rule is the
one in the README, learned on training examples of digits with one network; the optimisers get their
learning rate, schedule, non-linearity and batch normalisation tuned on validation examples for each
number of steps. All are measured on test examples, on the same initial keys and episodes.
"""

import argparse
import re
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

import blurax
from blurax.analysis import style
from blurax.analysis.comparison_view import comparison_table
from blurax.baselines import Record, record_baseline, record_learner
from blurax.outer.numbers import with_network

ROOT = Path(__file__).parent.parent
BUDGETS = (5, 10, 20, 50)
PLACES = (("digits", "32"), ("digits", "128-64"))
"""Tasks and networks; the rule learns on the first."""
OPTIMISERS = ("sgd", "adam", "rmsprop")


def rules() -> dict[str, Any]:
    """The README's rule, as it is written and as it is learned there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = next(b for b in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "MyRule" in b)
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec"), names)
    return {"as written": names["rule"], "learned": names["learned"]}


def main() -> None:
    """Print a table for each place, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--picture", type=Path, default=ROOT / "docs" / "own-rule.png")
    options = parser.parse_args()
    console, found, panels = Console(width=100), rules(), []
    for number, (name, hidden) in enumerate(PLACES):
        task, key = blurax.task(name), jax.random.fold_in(jax.random.key(11), number)
        sizes = (task.features, *map(int, hidden.split("-")), task.outputs)
        network = blurax.Network(sizes)
        records = [
            record_learner(
                title, with_network(rule, network), task, key, BUDGETS, seeds=options.seeds
            )
            for title, rule in found.items()
        ]
        for optimiser in OPTIMISERS:
            console.print(f"tuning {optimiser} on {name}, {hidden}")
            records.append(
                record_baseline(optimiser, network, task, key, BUDGETS, seeds=options.seeds)
            )
        console.print(comparison_table(f"{name} ({hidden}): test accuracy (%)", records))
        panels.append((f"{name}, hidden layers {hidden}", records))
    draw(panels, options.picture)


def draw(panels: list[tuple[str, list[Record]]], path: Path) -> None:
    """Curves with one standard deviation over the seeds."""
    title = "Thirty lines of Python, five numbers meta-learned on digits with 32 hidden neurons"
    figure = style.new_figure(1300, 520, title)
    for axes, (name, records) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        style.tidy(axes, "steps", "test accuracy (%)")
        looks = iter(zip(style.PALETTE, style.MARKERS, strict=True))
        for each in records:
            mine = not each.choices
            colour, marker = (style.EMPHASIS, "o") if mine else next(looks)
            mean = [100 * each.mean(budget) for budget in BUDGETS]
            axes.errorbar(
                BUDGETS,
                mean,
                [100 * each.std(budget) for budget in BUDGETS],
                color=colour,
                marker=marker,
                linestyle="--" if each.learner == "as written" else "-",
                linewidth=style.BOLD if each.learner == "learned" else style.THIN,
                capsize=3,
                zorder=4 if mine else 3,
                label=f"the rule, {each.learner}" if mine else f"{each.learner}, tuned",
            )
        style.log_steps(axes, BUDGETS)
        axes.set_title(name, loc="left", fontsize=style.SMALL)
    axes.legend(loc="lower right", fontsize=style.SMALL)
    style.save(figure, path)


if __name__ == "__main__":
    main()
