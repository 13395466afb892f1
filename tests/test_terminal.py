"""What meets the terminal: text as it is, whatever its encoding, as long as somebody reads it."""

import io
import json
import os
import shlex
import shutil
import subprocess
import sys

import pytest
from rich.table import Table
from rich.text import Text

import blurax.cli.commands as cli
from blurax.analysis.findings_table import claims_table
from blurax.analysis.plain import LONGEST, command, message, printable
from blurax.cli import parse, recipes
from blurax.cli.progress import resumable
from blurax.cli.terminal import Terminal
from blurax.findings import Claim
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.tasks import EpisodeSpec
from blurax.version import __version__

ODD = "a[/b] [v2] :x:"
"""As a directory: rich would stop at the first tag, drop the second and draw the last."""


@pytest.fixture(autouse=True)
def away_from_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def started(directory):
    config = MetaTrain(tasks=("iris",), hidden=("3",), episode=EpisodeSpec(2, 8, 8))
    run.start(config, directory)


@pytest.mark.parametrize(
    "words",
    [
        ("train", "default", "--task", "iris", "--hidden", "3", "--steps", "2", "--seeds", "1"),
        ("tasks", "show", "xor"),
        ("export",),
    ],
)
def test_a_directory_is_shown_as_it_is(words, tmp_path, capsys):
    directory = (ODD,) if words == ("export",) else ("--directory", ODD)
    assert cli.main([*words, *directory]) == 0
    assert f"{ODD}/" in capsys.readouterr().out
    assert list((tmp_path / "a[").iterdir())


def test_runs_are_called_by_their_folders(tmp_path, capsys):
    started(tmp_path / ODD / "one")
    assert cli.main(["runs", "."]) == 0
    assert f"{ODD}/one" in capsys.readouterr().out


def test_no_text_is_markup_on_the_console(capsys):
    console = Terminal(width=200)
    table = Table(title=ODD, caption=ODD)
    table.add_column(ODD)
    table.add_row(ODD)
    console.print(ODD, table)
    with console.status(Text(ODD)):
        console.print(claims_table((Claim(ODD, True, ODD),)))
    assert capsys.readouterr().out.count(ODD) == 7


def test_no_text_steers_the_terminal(capsys):
    console = Terminal(width=200)
    console.print("one\x1b[2Jtwo\nthree", Text("\x9b31m\u202e"))
    assert capsys.readouterr().out == "one\\x1b[2Jtwo\nthree \\x9b31m\\u202e\n"


def test_an_undecodable_name_is_shown(capsys):
    name = os.fsdecode(b"r\xe9sum\xe9")
    Terminal(width=200).print(name)
    assert capsys.readouterr().out == "r\\udce9sum\\udce9\n"


def test_a_message_is_printable_and_short(capsys):
    assert cli.main(["train", "\x1b[2Jx\n.safetensors"]) == 2
    error = capsys.readouterr().err
    assert "\x1b" not in error
    assert r"\x1b[2Jx\n.safetensors" in error
    assert error.count("\n") == 1
    assert cli.main(["train", "default", "--task", "x" * 10_000]) == 2
    error = capsys.readouterr().err
    assert len(error) <= LONGEST + len("blurax: \n")
    assert "[...]" in error
    assert message("a" * LONGEST) == "a" * LONGEST
    assert message("start" + "a" * LONGEST + "end").endswith("end")
    assert printable("é ± ν \t", keep="\t") == "é ± ν \t"


STEERS = "\x1b[2J\x9b31m[b]\u202e"
SHOWN = r"\x1b[2J\x9b31m[b]\u202e"


def test_an_argument_that_cannot_be_parsed_steers_nothing(capsys):
    assert cli.main(["meta-train", "--method", STEERS]) == 2
    error = capsys.readouterr().err
    assert "\n" in error  # a box, as it is
    assert SHOWN in error
    assert printable(error, keep="\n") == error


FAULTY = """
import sys, warnings
import blurax.cli
import blurax.cli.commands as commands

def main(args):
    warnings.warn(args[0] + "w" * 10_000)
    raise OSError(args[0] + "\\n" + "e" * 10_000)

commands.main = main
blurax.cli.main(sys.argv[1:])
"""


def test_a_warning_and_a_traceback_are_printable_and_short():
    asked = [sys.executable, "-c", FAULTY, STEERS]
    done = subprocess.run(asked, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert printable(done.stderr, keep="\n") == done.stderr
    first, *_, last_but_one, last = done.stderr.splitlines()
    assert first.startswith(f"blurax: warning: {SHOWN}ww")
    assert last_but_one == f"OSError: {SHOWN}"
    assert last.startswith("eee")
    assert len(last) == LONGEST


def test_what_is_wrong_with_runs_and_tasks_is_told_in_short(tmp_path, monkeypatch, capsys):
    odd = tmp_path / "runs" / "odd"
    odd.mkdir(parents=True)
    strange = {f"{STEERS}{n}": n for n in range(20_000)}
    (odd / "config.json").write_text(json.dumps({"config": strange}), encoding="utf-8")
    (tmp_path / "runs" / "list").mkdir()
    listed = {"config": list(range(100_000))}
    (tmp_path / "runs" / "list" / "config.json").write_text(json.dumps(listed), encoding="utf-8")
    assert cli.main(["runs"]) == 0
    shown = capsys.readouterr().out
    assert printable(shown, keep="\n") == shown
    assert len(shown) < 3 * LONGEST
    assert "19,995 more" in " ".join(shown.split())


@pytest.mark.parametrize("word", ["plain", "a b", "it's", "$HOME", "a;b", "x\x1b[2J'\\y\n", "é"])
def test_a_command_can_be_copied_into_a_shell(word):
    line = command("show", word)
    assert line.isprintable()
    shell = shutil.which("bash")
    if word.isprintable():
        assert shlex.split(line) == ["blurax", "show", word]
    if shell is None:
        pytest.skip("takes bash")
    asked = [shell, "-c", f"printf %s {line.removeprefix('blurax show ')}"]
    assert subprocess.run(asked, capture_output=True, check=True).stdout == os.fsencode(word)


def test_what_is_said_after_ctrl_c_can_be_copied(capsys):
    with pytest.raises(KeyboardInterrupt), resumable("demo", "--directory", "my runs/$x"):
        raise KeyboardInterrupt
    assert "go on with: blurax demo --directory 'my runs/$x'\n" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_the_encoding_cannot_hold_is_replaced(encoding, monkeypatch):
    for words in (["zoo", "default"], ["show", "--help"], ["tasks"]):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
        assert cli.main(words) == 0
        text = written.getvalue().decode(encoding)
        assert text
        assert "?" in text or words[0] != "zoo"


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["meta-train", "-h"], ["zoo"]])
def test_a_closed_pipe_is_quiet(words, monkeypatch, capfd):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as unread:
        monkeypatch.setattr(sys, "stdout", unread)
        assert cli.main(words) == 141
    assert capfd.readouterr().err == ""


def test_another_broken_pipe_is_an_error(monkeypatch):
    def broken(*_):
        raise BrokenPipeError

    monkeypatch.setattr(recipes.Table, "add_row", broken)
    with pytest.raises(BrokenPipeError):
        cli.main(["recipes"])


def blurax(*words, **environment):
    """The command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "blurax", *words],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, **environment},
    )


def test_the_process_reads_head(tmp_path):
    line = f"{shlex.quote(sys.executable)} -m blurax --help | head -1; echo ${{PIPESTATUS[0]}}"
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("takes bash")
    done = subprocess.run([shell, "-c", line], capture_output=True, encoding="utf-8", check=True)
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "usage: blurax [-h] [--version] COMMAND ..."
    assert done.stdout.splitlines()[1] in ("0", "141")  # 0 if all was written before head ended


def test_the_version():
    done = blurax("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"blurax {__version__}\n"


@pytest.mark.parametrize("platform", ["cuda", "nonsense"])
def test_a_missing_backend_is_one_sentence(platform, tmp_path):
    done = blurax("train", "default", JAX_PLATFORMS=platform)
    if platform == "cuda" and done.returncode == 0:
        pytest.skip("there is one")
    assert done.returncode == 2
    said = done.stderr.strip().splitlines()[-1]
    assert f"JAX_PLATFORMS={platform}" in said
    assert said.endswith("set JAX_PLATFORMS=cpu.")
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_help_says_of_each_command_what_its_docstring_says(capsys):
    assert cli.main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for name, about in cli.COMMANDS.items():
        assert f"{name} {about}" in shown
        function = parse._function(name, [])
        assert " ".join((function.__doc__ or "").split("\n\n")[0].split()) == about


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "blurax: A command is missing; there are demo, "),
        (["trian"], "blurax: There is no command 'trian'; did you mean train?"),
        (["--bogus"], "blurax: There is no option --bogus before a command; the commands are demo"),
        (["recipes", "--x"], "blurax: blurax recipes has no option --x; it has no options."),
        (
            ["runs", "a", "b"],
            "blurax: blurax runs has no place for the word 'b'; it has no options.",
        ),
        (
            ["train", "x", "--stepz=3"],
            "blurax: blurax train has no option --stepz; did you mean --steps? Its options are "
            "--task, --hidden, --steps, --batch, --seeds, --seed, --mimic, --directory.",
        ),
    ],
)
def test_what_is_not_understood_is_told_with_what_there_is(words, said, capsys, tmp_path):
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith(said)
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", cli.COMMANDS)
@pytest.mark.parametrize("words", [["--nosuch", "3"], ["--nosuch=3"], ["-x"]])
def test_an_unknown_option_is_named_whatever_else_the_command_takes(name, words, capsys):
    """Also where what follows it would be a word too many, or a word is missing."""
    option = words[0].partition("=")[0]
    assert cli.main([name, *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"blurax: blurax {name} has no option {option}; ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("words", [["--nosuch", "3"], ["--picture", "w.png"], ["--nosuch"]])
def test_an_unknown_option_of_show_is_no_second_genome(words, capsys):
    assert cli.main(["show", "default", *words]) == 2
    assert f"blurax show has no option {words[0]}; " in capsys.readouterr().err


def test_a_value_that_cannot_be_read_is_still_told_of(capsys):
    assert cli.main(["show", "default", "--steps", "many"]) == 2
    assert "--steps" in capsys.readouterr().err
    assert cli.main(["train"]) == 2
    assert "genome" in capsys.readouterr().err


OPTIONS = {
    "demo": ["--directory", "--seeds", "--redo"],
    "figure": ["--budget", "--directory", "--redo"],
    "recipes": [],
    "report": ["--html", "--inside"],
    "runs": [],
    "zoo": [],
}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_options_of_a_command(name):
    assert parse.options(name) == OPTIONS[name]


def test_options_below_others_are_options_too():
    found = parse.options("meta-train", ["--method", "pes"])
    assert {"--tasks", "--episode.steps", "--method.window", "--engine"} <= {*found}
    assert len(found) == len({*found}) > 60
    assert "--method.window" not in parse.options("meta-train")
    assert all(option.strip("-") for option in found)


FULL, CLOSED = ">/dev/full", ("2>/dev/full", ">&-", "2>&-", ">&- 2>&-", "<&-")
WRITTEN = "blurax: the output cannot be written: No space left on device.\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="takes a device that is full")
@pytest.mark.parametrize(
    ("words", "redirections", "code"),
    [
        ("--version", (FULL, *CLOSED), 0),
        ("--help", (FULL, ">&-"), 0),
        ("zoo", (FULL, ">&-"), 0),
        ("runs .", (FULL, ">&-"), 0),
        ("zoo --help", (FULL, ">&-"), 0),
        ("nonsense", CLOSED, 2),
        ("meta-train --method x", (">&- 2>&-", "2>/dev/full"), 2),
    ],
)
def test_output_that_cannot_be_written_is_told(words, redirections, code, tmp_path):
    started(tmp_path / "one")
    for redirection in redirections:
        line = f"{shlex.quote(sys.executable)} -m blurax {words} {redirection}"
        asked = ["sh", "-c", line]
        done = subprocess.run(asked, capture_output=True, encoding="utf-8", check=False)
        if redirection == FULL:
            assert (done.returncode, done.stderr) == (2, WRITTEN)
            continue
        assert done.returncode == code, (redirection, done)
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr
        assert not (code and done.stdout), "a mistake is told on standard error or nowhere"


def test_a_file_does_not_take_the_place_of_an_output_that_is_closed(tmp_path):
    code = (
        "import blurax.cli.streams as s; s.open_what_is_closed(); "
        f"f = open({str(tmp_path / 'x')!r}, 'wb'); import os; os.write(1, b'lost'); "
        "os.write(2, b'lost'); f.close()"
    )
    line = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", line], check=False).returncode == 0
    assert (tmp_path / "x").read_bytes() == b""
