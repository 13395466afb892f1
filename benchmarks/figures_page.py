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
`night` at most eight hours for a figure, and `paper` is the full setting, for an accelerator and
hours or days. `night` has about ten times the meta-training of `cpu`, and some wider
networks, for figures of which a claim fails there; where it was run, a second table says what
became of the claims.

The figures below were made with the budget `cpu`. It has smaller images and networks than the
paper, tens to hundreds of meta-steps instead of ten thousand, Adam at 0.015 with a cosine
schedule instead of 0.0005, and the mean loss over all steps of an episode instead of the last
one's. So absolute accuracies differ from the paper's; the claims are about differences. A claim
that fails says **no**, with the numbers. With this budget and one population of genomes, the
reason may be the budget or the claim. {blame}

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

Two figures are not of the paper but of [the theory of shallow networks](../how-to/theory.md):
`convergence` and `length`. Their claims are ours and were written down before their numbers were
seen. `branches`, `coordinates`, `graphs` and `neural-graphs` are of [other related
papers](../related.md).

"""


PAPER = {
    "2": (
        "Asymmetries far above the numerical error; of 265 null-space vectors 4 pass, none "
        "positive definite."
    ),
    "3": (
        "Accuracies near 1 on the toys of meta-training within 10 to 50 steps; in the mean "
        "0.92-0.96 there, 0.84-0.89 on unseen toys, and the two go together."
    ),
    "5": "It learns all unseen sets, much faster than SGD up to 50 to 100 steps.",
    "6": "BLUR is ahead throughout the early trajectory, whatever the rate of SGD.",
    "7": ("CMA-ES reaches 0.84 in 400 meta-steps, the gradient is comparable; no later decay."),
    "8": "Both sweeps have to be normalised for a rule to work at other sizes and depths.",
    "9": (
        "Most variants work. Symmetric single-channel ones from back-propagation, symmetric "
        "multi-channel and asymmetric multi-channel ones are the best."
    ),
    "10": ("Genomes learned on deep networks work in shallower and deeper ones, not the reverse."),
    "11": "The data sets at 28x28 and at 10x10.",
    "12": "Most pairs reach 0.84 to 0.88; all-linear ones gain nothing from more states.",
    "13": "More states are better: from about 0.85 with 2 to 0.90 with 16.",
    "14": "Accuracy rises at each stage.",
    "15": ("Without the Oja-like term synapses grow exponentially; with it they stay bounded."),
    "16": (
        "With the Oja-like term and normalised synapses a network keeps learning, and un-learns"
        " when labels become random; without them it freezes and later overflows."
    ),
    "branches": (
        "[Li and Chen 2020](https://arxiv.org/abs/2003.10739): on ImageNet networks with side "
        "branches that mimic each other have a top-1 error of 28.7 % with 18 layers and 20.8 % "
        "with 152, with supervised branches of 29.7 % and 21.6 %."
    ),
    "convergence": (
        "[Razborov 2022](https://arxiv.org/abs/2212.02323) proves convergence for depth 2, ReLU, "
        "squared loss, Gaussian inputs and initial weights, any labels and two rates."
    ),
    "length": (
        "[Dukler, Gu and Montúfar 2020](https://arxiv.org/abs/2006.06878) split the kernel of a "
        "network with weight normalisation into V / α², from turning, and G, from length."
    ),
    "coordinates": (
        "[Cai et al. 2024](https://arxiv.org/abs/2407.17834): on a picture of 512x512 pixels relus "
        "alone reach 22.4 dB after 50,000 steps, normalised over the batch 29.7, the layer 29.6, "
        "both 28.7, crosses 29.9; sines reach 30.3, an encoding 26.4."
    ),
    "neural-graphs": (
        "[Kofinas et al. 2024](https://arxiv.org/abs/2403.12143) foretell the accuracy of networks "
        "by messages on their graphs, [Unterthiner et al. "
        "2020](https://arxiv.org/abs/2002.11448) by trees on quantiles of their weights."
    ),
    "graphs": (
        "[Seiffarth et al. 2024](https://arxiv.org/abs/2406.09954) places the synapses of a "
        "RuleGNN by labels of nodes and their distance, and makes sets of graphs that take it; "
        "Adam at 0.1, 200 epochs, ten folds (`csl`: 0.05, 50, five)."
    ),
}
"""What each figure shows in the paper, or what a related paper is about."""

REMARKS = {
    "neural-graphs": (
        "How large synapses are says which rule taught a network and for how long, and that is "
        "most of its accuracy: quantiles see it at once. But they cannot take it to a rule that "
        "they never saw: on the networks of `default`, left out, trees have a τ of -0.17, "
        "messages of 0.59; the other rules were not left out at this budget. The graph network "
        "took 360 steps, which is short (those of SGD below 50 % it still puts at 62 %); longer "
        "ones, and the four rounds of `paper`, were not tried."
    ),
    "3": (
        "Six of the eight random genomes learned to teach in 600 meta-steps; the points show it."
    ),
    "10": (
        "From random numbers the genome for four hidden layers had not learned in 250 "
        "meta-steps, and one learned with two layers does the opposite of what it should with "
        "one (2 %). From back-propagation a rule of one hidden layer works in ten; one of two "
        "does not."
    ),
    "15": (
        "From random numbers these genomes had learned nothing in 200 meta-steps (at most 47 "
        "%), and the Oja-like term overflowed: w - m w |w|² overshoots where m |w|² is above 2,"
        " and one step with random matrices makes the synapses several times as long. Hence the"
        " start from back-propagation, whose steps are short, episodes of 20 steps in the place"
        " of 10, a rate of 0.005 and a clip of 1. It is the first such setting that was tried, "
        "and was kept for its validation accuracy."
    ),
    "branches": (
        "Means over five seeds, and most gains are smaller than a standard deviation: with "
        "mimicking Adam is ahead of supervision by 0.5 points in the mean over the six cells, and "
        "with supervision of no branches by 0.6. Mimicking begins later: a label counts for one "
        "part in as many as there are outputs, and at first the others say nothing."
    ),
    "graphs": (
        "Of `even-odd-rings` five folds teach with 720 graphs and 200 steps; the paper's ten teach "
        "with 960 and 1,800. `default` misses the 10 points above chance on this set alone, the "
        "only one of two layers; on `long-rings` it reaches 99 to 100 % in three folds of five, "
        "and 33 and 48 % in the others."
    ),
}
"""What we make of it at budget cpu, where the claims do not say it all."""


NIGHT_REMARKS = {
    "16": (
        "Without both the network is frozen because it has overflowed: 0.0 % is what numbers that "
        "are none predict, and with synapses normalised alone it stands at chance. So the two "
        "claims about it hold, if not as a network that has learned and then stays what it was."
    ),
}
"""What we make of it at budget night."""

Judged = tuple[Findings, tuple[Claim, ...]]
"""What was found for a figure, and its claims."""


def figures_page(
    found: Mapping[str, Judged], nights: Mapping[str, Judged], together: Mapping[str, str]
) -> str:
    """The page as Markdown.

    Args:
        found: by the number of the figure.
        nights: the same at budget night, where it was run.
        together: numbers of figures that are drawn with another, by that other one.
    """
    parts = [INTRODUCTION.format(blame=blame(found, nights))]
    for findings, claims in found.values():
        others = [number for number, with_it in together.items() if with_it == findings.figure]
        numbers = " and ".join([f"Figure{'s' * bool(others)} {findings.figure}", *others])
        parts.append(
            f"## {numbers}. {findings.title}\n\n"
            f"In the {_origin(findings.figure)}: {PAPER[findings.figure]}\n\n"
            f"Here: {findings.setting}\n\n"
            f"![{findings.title}](figures/figure-{findings.figure}.png)\n\n"
            f"{_table(claims)}\n\n"
        )
        if findings.figure in REMARKS:
            parts.append(f"{REMARKS[findings.figure]}\n\n")
        if findings.figure in nights:
            night, claims = nights[findings.figure]
            parts.append(f"Budget `night`: {night.setting}\n\n{_table(claims)}\n\n")
            if findings.figure in NIGHT_REMARKS:
                parts.append(f"{NIGHT_REMARKS[findings.figure]}\n\n")
    return "".join(parts).rstrip("\n") + "\n"


def blame(found: Mapping[str, Judged], nights: Mapping[str, Judged]) -> str:
    """Which claims of the paper that fail hold at a larger budget, as far as is known."""
    failed = [
        number
        for number, (findings, claims) in found.items()
        if _origin(findings.figure) == "paper" and not all(claim.holds for claim in claims)
    ]
    borne = [n for n in failed if n in nights and all(c.holds for c in nights[n][1])]
    still = [n for n in failed if n in nights and n not in borne]
    rest = [n for n in failed if n not in nights]
    told = [
        f"all claims of {_numbers(borne)} hold at `night`" if borne else "",
        f"some claims of {_numbers(still)} fail there too" if still else "",
        f"{_numbers(rest)} {'were' if len(rest) > 1 else 'was'} not run at `night`" if rest else "",
    ]
    words = "; ".join(part for part in told if part)
    return f"Of the figures of the paper with a claim that fails here, {words}."


def _numbers(figures: list[str]) -> str:
    """Figure 3, figures 15 and 16, figures 3, 5 and 9."""
    *others, last = figures
    return f"figures {', '.join(others)} and {last}" if others else f"figure {last}"


def _origin(figure: str) -> str:
    return "paper" if figure.isdigit() else "related paper"


def _table(claims: Iterable[Claim]) -> str:
    """Each claim, and whether it holds."""
    rows = [f"| {c.says} | {'yes' if c.holds else '**no**'} | {c.numbers} |" for c in claims]
    return "\n".join(("| claim | borne out | numbers |", "|---|---|---|", *rows))
