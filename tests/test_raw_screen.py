"""Whatever stands in files or was typed steers no terminal, is no markup and stays short."""

import csv
import dataclasses
import html
import json
import re
import types
from pathlib import Path

import numpy as np
import pytest
from rich.panel import Panel
from rich.text import Text
from safetensors.numpy import save

import blurax.cli.commands as cli
from blurax import io, zoo
from blurax.analysis import report
from blurax.analysis.comparison_view import comparison_table
from blurax.analysis.genome_compare import comparison_panel, matched
from blurax.analysis.genome_view import genome_panel
from blurax.analysis.numbers_view import number_words
from blurax.analysis.plain import LONGEST, MOST, lines, printable
from blurax.baselines import Record
from blurax.cli import streams
from blurax.cli.progress import CompareProgress, RunProgress
from blurax.cli.terminal import Terminal
from blurax.experiments.compare_work import CellProgress
from blurax.frozen import to_json
from blurax.outer.config import MetaTrain
from blurax.outer.metrics import Metrics

MARKUP = "[red]x[/red] :x:"
TEXTS = {
    "link": "\x1b]8;;http://example.com\x1b\\x\x1b]8;;\x1b\\",
    "bell": "x\a",
    "return": "good\rbad",
    "backspace": "bad\b\b\bgood",
    "zero width": "a\u200bb\u200dc",
    "newlines": "x\n" * 20_000,
    "right to left": "\u202egnp.exe",
    "C1": "\x9b31mx",
    "colour": "\x1b[31mx\x1b[2J",
    "markup": MARKUP,
    "a megabyte": "y" * 2**20,
}
KINDS = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
WHERE = io.Provenance("1", "2026-01-01", 0, ("xor",), 1, None, {})


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


def write(name: str, content: dict) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(json.dumps(content), encoding="utf-8")


def header(**fields) -> dict:
    config = dict(to_json(MetaTrain(tasks=("iris",)))) | fields
    return {"library_version": "1", "created": "2026-01-01", "config": config}


def named(text: str) -> str:
    """As much of a text as the name of a file may hold."""
    return text.replace("/", "_")[:200]


def marked(text: str) -> io.Provenance:
    return dataclasses.replace(WHERE, library_version=text, tasks=(text,), note=text)


def an_argument(text, patch):
    cli.main(["meta-train", "--method", text])


def an_option(text, patch):
    cli.main(["zoo", f"--{text}"])


def a_command(text, patch):
    cli.main([text])


def a_genome_by_name(text, patch):
    cli.main(["zoo", text])


def a_warning(text, patch):
    streams._show_warning(UserWarning(text), UserWarning, "file", 1)


def a_traceback(text, patch):
    try:
        raise OSError(text) from KeyError(text)
    except OSError as error:
        streams._show_traceback(OSError, error, error.__traceback__)


def runs_with_a_strange_field(text, patch):
    write("runs/one/config.json", header(**{text: 1}))
    assert cli.main(["runs"]) == 0


def runs_with_a_strange_value(text, patch):
    write("runs/one/config.json", header(method=text))
    assert cli.main(["runs"]) == 0


def runs_with_a_task(text, patch):
    write("runs/one/config.json", header(tasks=[f"csv:path={text}"]))
    assert cli.main(["runs"]) == 0


def runs_in_a_folder(text, patch):
    write("runs/one/config.json", header())
    Path("runs/one").rename(Path("runs") / named(text))
    assert cli.main(["runs"]) == 0


def the_line_of_a_report(text, patch):
    write("one/config.json", header(learner="Own"))
    Path("one").rename(named(text))
    patch.setattr("blurax.cli.report.write_report", lambda *_: None)
    assert cli.main(["report", f"./{named(text)}"]) == 0


def a_report_of_a_strange_run(text, patch):
    write("one/config.json", header(**{text: text}))
    assert cli.main(["report", "one"]) == 2


def a_genome(text, patch):
    Terminal().print(genome_panel(zoo.genome("default")[0], marked(text)))


def two_genomes(text, patch):
    genome = zoo.genome("default")[0]
    Terminal().print(comparison_panel((text, "b"), matched(genome, genome)))


def a_genome_with_a_strange_tensor(text, patch):
    header, tensors = io.sealed.read(zoo.find("default"), io.sealed.Kind.GENOME)
    content = {key: header[key] for key in ("rule", "provenance")}
    tensors = {**tensors, text: np.ones(2)}
    Path("own.safetensors").write_bytes(io.sealed.seal(io.sealed.Kind.GENOME, content, tensors))
    assert cli.main(["show", "own.safetensors"]) == 2


def a_genome_of_a_strange_kind(text, patch):
    tensors, content = {text: np.ones(2)}, {"format": io.sealed.VERSION, "kind": text, text: text}
    content["sha256"] = io.sealed._digest(content, tensors)
    entry = {io.sealed._ENTRY: io.sealed._canonical(content)}
    Path("own.safetensors").write_bytes(save(tensors, entry))
    assert cli.main(["show", "own.safetensors"]) == 2


def the_zoo(text, patch):
    patch.setattr("blurax.zoo.card", lambda name: card(text))
    genome = zoo.genome("default")[0]
    patch.setattr("blurax.zoo.genome", lambda name: (genome, marked(text)))
    assert cli.main(["zoo"]) == 0


def a_card(text, patch):
    patch.setattr("blurax.zoo.card", lambda name: card(text))
    assert cli.main(["zoo", "default"]) == 0


def card(text: str) -> zoo.Card:
    row = zoo.Row(text, text, text, (100,), (0.5,), (0.1,), (text,), (0.4,), (0.1,))
    return zoo.Card(text, text, 3, (row,), (row,))


def table(*rows: tuple[str, ...]) -> list[str]:
    with open("own.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return ["tasks", "show", "csv:path=own.csv"]


def a_header_of_a_table(text, patch):
    assert cli.main(table((text, text, "z"), ("1", "2", "a"), ("3", "4", "b"))) == 2


def a_cell_of_a_table(text, patch):
    assert cli.main(table(("p", "q"), (text, "a"), ("3", "b"))) == 2


def a_class_of_a_table(text, patch):
    cli.main(table(("p", "q"), *(("1", text), ("2", "b")) * 20))
    return "only drawn"


def a_task_that_is_typed(text, patch):
    assert cli.main(["tasks", "show", f"csv:path={text}"]) == 2


def a_task_that_is_drawn(text, patch):
    drawn = types.SimpleNamespace(features=1, outputs=1, time=None, input_shape=(1,))
    patch.setattr("blurax.cli.tasks.get", lambda name: drawn)
    patch.setattr("blurax.cli.tasks.draw_task", lambda task, path: path)
    name = text.replace(",", "").replace(":", "").replace("=", "")
    patch.setattr("blurax.cli.tasks.parse", lambda name: ())
    assert cli.main(["tasks", "show", name]) == 0


def a_progress_bar(text, patch):
    console = Terminal()
    shown = CompareProgress(console)
    shown(CellProgress(1, 2, text, text))
    shown(CellProgress(1, 2, text, ""))
    console.print(shown._bar.get_renderable())
    with RunProgress(console, text, text) as run:
        console.print(run._bar.get_renderable())


def a_comparison(text, patch):
    Terminal().print(comparison_table(text, [Record(text, (1,), ((0.5,),))]))


def the_numbers_of_a_learner(text, patch):
    for name, words in number_words({text: np.ones(3), f"{text}2": np.ones(30)}).items():
        print(f"{name}: {words}")


PLACES = (
    an_argument,
    an_option,
    a_command,
    a_genome_by_name,
    a_warning,
    a_traceback,
    runs_with_a_strange_field,
    runs_with_a_strange_value,
    runs_with_a_task,
    runs_in_a_folder,
    the_line_of_a_report,
    a_report_of_a_strange_run,
    a_genome,
    two_genomes,
    a_genome_with_a_strange_tensor,
    a_genome_of_a_strange_kind,
    the_zoo,
    a_card,
    a_header_of_a_table,
    a_cell_of_a_table,
    a_class_of_a_table,
    a_task_that_is_typed,
    a_task_that_is_drawn,
    a_progress_bar,
    a_comparison,
    the_numbers_of_a_learner,
)


@KINDS
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_nothing_is_raw_on_the_screen(place, text, monkeypatch, capsys):
    hidden = place(text, monkeypatch)
    shown = "".join(capsys.readouterr())
    assert shown
    assert printable(shown, keep="\n") == shown
    assert max(map(len, shown.split("\n"))) <= LONGEST + 200  # with what is said of it
    assert shown.count("\n") <= 2 * MOST
    assert len(shown) < 20 * LONGEST
    if text == MARKUP and not hidden:  # taken for markup it would be gone
        assert "[/red]" in shown.replace("[_red]", "[/red]")


TAGS = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "img"}
TAGS |= {"table", "tr", "th", "td"}


@KINDS
def test_nothing_is_raw_in_the_page_of_a_run(text, monkeypatch, tmp_path):
    numbers = np.ones((1, 1, 1))
    log = Metrics(np.ones(1, int), np.ones((1, 1)), np.zeros(1, int), np.ones(1, int), numbers)
    config = dataclasses.replace(MetaTrain(tasks=(f"csv:path={named(text)}",)), learner=text)
    picture = tmp_path / "one.png"
    picture.write_bytes(b"picture")
    monkeypatch.setattr(report, "read_config", lambda _: (config, {"library_version": text}))
    monkeypatch.setattr(report, "read_metrics", lambda *_: log)
    monkeypatch.setattr(report, "load_best", lambda *_: ({text: np.ones(3)}, marked(text)))
    monkeypatch.setattr(report, "draw_run", lambda _: picture)
    monkeypatch.setattr(report, "score_name", lambda _: "accuracy")
    page = report.write_report(tmp_path / named(text), tmp_path / "page.html").read_text("utf-8")
    assert printable(page, keep="\n") == page
    assert len(page) < 20 * LONGEST
    assert set(re.findall(r"</?([a-z0-9]+)", page)) <= TAGS
    if text == MARKUP:
        assert f"<td>{html.escape(MARKUP)}</td>" in page


def test_what_is_written_out_is_laid_out_as_such_and_keeps_its_style(capsys):
    console = Terminal(width=20)
    console.print(Panel(Text("\x1b" * 10 + "end"), title=Text("\x9b")))
    shown = capsys.readouterr().out
    assert "".join(re.findall(r"[\\\w]", shown)).endswith("\\x1b" * 10 + "end")
    assert {len(line) for line in shown.splitlines()[1:]} == {20}
    text = Text.assemble("a\x1b", ("b\x1b", "bold"), "c")
    (line,) = console.render_lines(text, pad=False)
    assert [(s.text, bool(s.style and s.style.bold)) for s in line] == [
        ("a\\x1b", False),
        ("b\\x1b", True),
        ("c", False),
    ]


def test_a_text_of_many_lines_loses_its_middle():
    found = lines("".join(f"{number}\n" for number in range(10_000)))
    assert len(found) == MOST
    assert (found[0], found[-1]) == ("0", "9999")
    assert "[...]" in found
    assert lines("\n".join(map(str, range(MOST)))) == [str(number) for number in range(MOST)]
