"""A run as one HTML page that needs nothing else: pictures are in it, and no script runs."""

import html
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from blurax.analysis.findings_view import draw_findings
from blurax.analysis.genome_parts import size
from blurax.analysis.genome_picture import draw_genome
from blurax.analysis.genome_view import provenance_words
from blurax.analysis.numbers_view import number_words
from blurax.analysis.page import escaped, image, pairs, whole_page
from blurax.analysis.plain import command
from blurax.analysis.rule_words import rule_words
from blurax.analysis.run_view import draw_run
from blurax.errors import require
from blurax.findings import Findings
from blurax.frozen import to_json
from blurax.gauge import canonical
from blurax.genome import Genome
from blurax.io import write_text
from blurax.outer.config import MetaTrain
from blurax.outer.metrics import Metrics, read_metrics
from blurax.outer.run import load_best, read_config
from blurax.targets import labelled
from blurax.tasks import score_name


def write_report(directory: Path, path: Path, inside: Findings | None = None) -> Path:
    """Write the page about a run, whole or not at all.

    Args:
        inside: what was seen of the kept genome at work.

    Raises:
        BluraxError: if the directory holds no run, one before its first validation, or a damaged
            one; or if the page cannot be written.
    """
    config, header = read_config(directory)
    metrics = read_metrics(directory, config.keep_last)
    best, provenance = load_best(directory, config)
    tried = sum(len(networks) for _, networks in config.validated_pairs())
    require(
        len(metrics.validated) > 0 and metrics.accuracy.shape[2] == tried,
        f"{directory} has a genome that was kept, but not the validations that it was chosen by; "
        "resume the run to compute its log again.",
    )
    run, name = draw_run(directory).read_bytes(), directory.resolve().name
    done = f"{len(metrics.steps):,} of {config.meta_steps:,} meta-steps"
    a_genome = isinstance(best, Genome)
    kept = {"kept genome": f"{size(best)} numbers"} if a_genome else {"learner": config.learner}
    words = {"run": done, **kept, **provenance_words(provenance)}
    what = "the genome that was kept" if a_genome else "the numbers that were kept"
    parts = [
        f"<h1>Meta-training run {escaped(name)}</h1>",
        pairs({**words, "blurax": str(header.get("library_version", ""))}),
        "<h2>How it was learned</h2>",
        image(run, f"Losses and validations of all members, and {what}"),
        f"<h2>How well it {'teaches' if a_genome else 'learns'}</h2>",
        _validations(metrics, config),
        *(
            _genome(best, inside)
            if a_genome
            else ("<h2>The numbers</h2>", pairs(number_words(best)))
        ),
        "<h2>What was configured</h2>",
        "<p>Only what differs from the defaults.</p>",
        pairs(dict(_differences(to_json(config), to_json(MetaTrain())))),
        *(_commands(directory) if a_genome else ()),
    ]
    write_text(path, whole_page(f"blurax: {name}", "\n".join(parts)))
    return path


def _genome(genome: Genome, inside: Findings | None) -> Iterator[str]:
    """What only a genome has: its rule, its numbers, and it at work."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.png"
        own = draw_genome(genome, file, "The genome").read_bytes()
        title = "Its canonical form, to compare it with others"
        plain = draw_genome(canonical(genome), file, title).read_bytes()
        work = draw_findings(inside, file).read_bytes() if inside else b""
    yield "<h2>The genome</h2>"
    yield pairs(rule_words(genome.rule))
    yield image(own, "All numbers of the genome")
    yield image(plain, "The genome in its canonical form")
    if inside:
        yield "<h2>The genome at work</h2>"
        yield f"<p>{escaped(inside.setting)}</p>"
        words = (
            "What it reaches, its angle to the gradient, its synapses, and what each number does"
        )
        yield image(work, words)


def _validations(metrics: Metrics, config: MetaTrain) -> str:
    """The validation of what was kept, for each task and network."""
    when, member = metrics.chosen
    scores = metrics.accuracy[when, member]
    tasks = config.validate_on or config.tasks
    pairs = [(task, h) for task, networks in config.validated_pairs() for h in networks]
    what = escaped(labelled(score_name(tasks)))
    rows = "".join(
        f"<tr><td>{escaped(task)}</td><td>{escaped(hidden)}</td>"
        f'<td class="number">{100 * score:.1f}</td></tr>'
        for (task, hidden), score in zip(pairs, scores, strict=True)
    )
    return (
        f"<p>The genome that was kept, at meta-step {metrics.validated[when]:,}.</p><table>"
        f"<tr><th>task</th><th>hidden layers</th><th>validation {what}</th></tr>{rows}</table>"
    )


def _differences(value: Any, usual: Any, where: str = "") -> Iterable[tuple[str, str]]:
    """The fields of a configuration that are not as usual, by their path."""
    if isinstance(value, dict) and isinstance(usual, dict):
        for name, inner in value.items():
            yield from _differences(inner, usual.get(name), f"{where}.{name}" if where else name)
    elif value != usual:
        shown = " ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield where, shown or "none"


def _commands(directory: Path) -> tuple[str, str]:
    genome = directory / "best.safetensors"
    lines = (
        command("meta-train", "--resume", directory),
        command("train", genome, "--task", "digits", "--hidden", 64),
        command("compare", genome, "--tasks", "digits", "--hidden", 64),
        command("show", genome, "--task", "digits"),
    )
    return "<h2>What to do with it</h2>", f"<pre>{html.escape(chr(10).join(lines))}</pre>"
