"""`blurax zoo`: the genomes and learners that come with the library."""

import tyro

from blurax import io
from blurax import zoo as keeper
from blurax.analysis.genome_view import genome_panel
from blurax.analysis.numbers_view import numbers_panel
from blurax.analysis.plain import message
from blurax.analysis.zoo_view import card_view, learners_table, tally_lines, zoo_table
from blurax.cli.terminal import Terminal


def zoo(name: tyro.conf.Positional[str] = "") -> None:
    """List the genomes and learners that come with blurax, or show one: blurax zoo default.

    Args:
        name: Nothing to list all; the name of one to see its numbers, where it comes from and what
            it reached next to tuned baselines.
    """
    console = Terminal()
    if not name:
        console.print(zoo_table((n, *keeper.genome(n), keeper.card(n)) for n in keeper.names()))
        read = ((n, *io.load_learner(keeper.find(n)), keeper.card(n)) for n in keeper.learners())
        console.print("\n", learners_table(read))
        console.print(
            "\nA genome's name goes wherever its file does: blurax train default --task digits"
        )
        return
    card = keeper.card(name)
    if name in keeper.learners():
        console.print(numbers_panel(*io.load_learner(keeper.find(name))))
    else:
        console.print(genome_panel(*keeper.genome(name)))
    console.print(f"{message(card.about)}\nMade by: {message(card.recipe)}\n")
    if card.rows:
        console.print(
            f"Test scores in %, mean and standard deviation over {card.seeds} seeds. Tuned is the "
            "best of the optimisers tuned for that column alone; below it stands which.\n",
            card_view(card),
        )
    for line in tally_lines(card):
        console.print(line)
