"""The page of the documentation that shows every figure beside what the paper reports."""

from collections.abc import Iterable, Mapping

from blurax.findings import Claim, Findings

INTRODUCTION = """\
# The figures of the paper

This page shows every figure of the paper as blurax repeats it, with what the paper claims and
whether it holds here. It is for those who want to know how far the paper can be reproduced.

`blurax figure 8` repeats figure 8: it meta-trains the genomes, measures, draws, and judges the
paper's claims. `blurax figure all` makes all figures. Everything is kept under `runs/figures`: a
second call only draws, an interrupted one continues, and figures share genomes (5, 6 and 14; 15
and 16). `--budget smoke` takes seconds and only tests the code, `cpu` takes minutes on two cores,
and `paper` is the full setting, for an accelerator and hours or days.

The figures below were made with the budget `cpu`. It has smaller images and networks than the
paper, tens to hundreds of meta-steps instead of ten thousand, Adam at 0.015 with a cosine
schedule instead of 0.0005, and the mean loss over all steps of an episode instead of the last
one's. So absolute accuracies differ from the paper's; the claims are about differences. A claim
that fails says **no**, with the numbers. With this budget and one population of genomes, the
reason may be the budget or the claim.

± and bands are standard deviations over initial networks trained by one genome, on test examples.
They do not show how another population of genomes would do. Figure 2 needs only data that the
library generates; the others use the sets of [tasks](tasks.md), which are downloaded if they are
missing.

Not everything was fixed beforehand. Figure 10 got its second start, figure 3 more meta-steps, and
5, 6, 14, 15 and 16 their start from back-propagation after a first run: its genomes had not
learned or had diverged, and claims failed for that reason ([decision
16](../explanation/decisions/0016-where-figures-start.md)). Claims of figures 12, 15 and 16 were
reworded after their numbers were seen, those of 12 and 15 more strictly.

The data of each picture is next to it as JSON, and a test judges the claims by it.

"""


def figures_page(
    found: Iterable[tuple[Findings, str, tuple[Claim, ...], str]], together: Mapping[str, str]
) -> str:
    """The page as Markdown.

    Args:
        found: of each figure its findings, what it shows in the paper, its claims, and a remark.
        together: numbers of figures that are drawn with another, by that other one.
    """
    parts = [INTRODUCTION]
    for findings, paper, claims, remark in found:
        others = [number for number, with_it in together.items() if with_it == findings.figure]
        numbers = " and ".join([f"Figure{'s' * bool(others)} {findings.figure}", *others])
        rows = [f"| {c.says} | {'yes' if c.holds else '**no**'} | {c.numbers} |" for c in claims]
        parts.append(
            f"## {numbers}. {findings.title}\n\n"
            f"In the paper: {paper}\n\n"
            f"Here: {findings.setting}\n\n"
            f"![{findings.title}](figures/figure-{findings.figure}.png)\n\n"
            "| claim | borne out | numbers |\n|---|---|---|\n" + "\n".join(rows) + "\n\n"
        )
        parts.extend([f"{remark}\n\n"] if remark else [])
    return "".join(parts).rstrip("\n") + "\n"
