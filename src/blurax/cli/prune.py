"""`blurax prune`: how few numbers carry a genome."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro
from rich.text import Text

from blurax import findings, io, zoo
from blurax.analysis.findings_view import draw_findings
from blurax.analysis.plain import message, printable
from blurax.cli.terminal import Terminal
from blurax.errors import require
from blurax.experiments.pruning import LEFT, PRUNED, WHOLE, Pruning, warnings
from blurax.experiments.pruning import prune as pruned
from blurax.genome import flatten

USUAL = Pruning()
SUFFIX = ".safetensors"
"""The ending of a genome file."""


def prune(
    genome: tyro.conf.Positional[Path],
    pruning: Annotated[Pruning, tyro.conf.arg(name="")] = USUAL,
    out: Path | None = None,
) -> None:
    """Put the numbers of a genome to rest that are least missed; write what is left as a genome.

    Each round tries every number by itself at the value with which it does nothing, and takes away
    those that are least missed. Chosen on validation examples, reported on test examples.

    Args:
        genome: A genome file, or the name of one that blurax zoo lists.
        pruning: What it has to go on doing.
        out: The file of the smaller genome, NAME.safetensors; its curve, NAME-curve.png and .json,
            goes beside it. GENOME-pruned.safetensors in this folder if not given.
    """
    console = Terminal()
    learned, provenance = zoo.genome(genome)
    target = out or Path(f"{genome.stem}-pruned.safetensors")
    require(
        target.suffix == SUFFIX,
        f"--out is {target}; it takes the name of a genome file, such as "
        f"{target.with_suffix(SUFFIX) if target.name else f'small{SUFFIX}'}.",
    )
    others = tuple(target.with_name(f"{target.stem}-curve{end}") for end in (".png", ".json"))
    for each in (target, *others):
        require(not each.exists(), f"{each} is there already; --out takes another name.")
        io.check_file(each)
    with console.status("") as status:

        def log(text: str) -> None:
            status.update(Text(message(text)))
            if not console.is_terminal:
                console.print(message(text), highlight=False)

        small, found = pruned(learned, pruning, log)
    note = f"{genome.stem} with {found.fact(LEFT):.0f} numbers at work. {found.setting}"
    io.save_genome(target, small, dataclasses.replace(provenance, score=None, note=note))
    findings.write(others[1], found)
    draw_findings(found, others[0])
    console.print(message(found.setting))
    console.print(
        f"{found.fact(LEFT):.0f} of {flatten(learned).size} numbers do something. Test: "
        f"{100 * found.fact(PRUNED):.1f} %, all of them {100 * found.fact(WHOLE):.1f} %."
    )
    for warning in warnings(found, pruning):
        console.print(message(f"Warning: {warning}"))
    for path in (target, *others):
        console.print(printable(str(path)), soft_wrap=True)
