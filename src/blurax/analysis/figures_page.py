"""The page of the documentation that shows every figure beside what the paper reports."""

from collections.abc import Iterable, Mapping

from blurax.findings import Claim, Findings

INTRODUCTION = """\
# The figures of the paper

`blurax figure 8` repeats figure 8 of the paper: it meta-trains what is needed, measures, draws, and
judges what the paper says; `blurax figure all` makes the whole set. Everything is kept under
`runs/figures`: a second call only draws, an interrupted one goes on where it was, and genomes are
shared (figures 5, 6 and 14; 15 and 16). `--budget smoke` takes seconds and means nothing, `cpu`
minutes on two cores, and `paper` is the full setting, for an accelerator and hours or days.

What follows was made at budget `cpu`: smaller images and networks than the paper's, tens to
hundreds of meta-steps in the place of ten thousand, Adam at 0.015 with a cosine in the place of
0.0005, and the mean loss over all steps of a lesson in the place of the last one's. So absolute
accuracies are not the paper's; the claims are about differences. Where a claim is not borne out, it
says **no**, with the numbers: at this budget, with one population of genomes, that may be the
budget's fault or the claim's.

± and bands are standard deviations over newborn networks that one genome teaches, on test examples.
They say nothing of how another population of genomes would have come out. Figure 2 needs no data
but what the library makes; the others take the sets of [tasks](tasks.md), which are downloaded if
they are not at hand.

Not everything was fixed beforehand. Figure 10 got its second start, figure 3 more meta-steps, and
5, 6, 14, 15 and 16 their start from back-propagation, after a first run had shown genomes that had
not learned or had diverged, and claims that failed for it
([decision 16](../explanation/decisions/0016-where-figures-start.md)); claims of figures 12, 15 and 16 were worded
anew, those of 12 and 15 more strictly, after their numbers were seen.

The data behind each picture lie beside it as JSON, and a test judges the claims by them.

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
