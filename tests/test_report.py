"""The report of a run: one page that is whole, says what it should and hides nothing in it."""

import base64
import html.parser
import json
import shutil
import struct
import subprocess

import pytest

from blurax.analysis.report import write_report
from blurax.errors import BluraxError
from blurax.findings import Chart, Curve, Findings, Table
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.tasks import EpisodeSpec

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(html.parser.HTMLParser):
    """Collects text, pictures and links, and checks that tags are closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.pictures, self.links, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.links += [v for k, v in attrs if k in ("href", "src") and not v.startswith("data:")]
        if tag == "img":
            assert values["alt"]
            self.pictures.append(values["src"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


CONFIG = MetaTrain(
    tasks=("iris", "wine"),
    hidden=("4",),
    episode=EpisodeSpec(3, 16, 24),
    population=2,
    meta_steps=3,
    validate_every=2,
)


SEEN = Findings(
    "",
    "Inside a genome: iris, network 4-4-3",
    "",
    "0.1.0",
    "3 steps of 128 examples, <2> seeds.",
    charts=(Chart("Angle", "steps", "degrees", (Curve("layer 1", (1.0, 2.0), (10.0, 20.0)),)),),
    tables=(Table("Each term", "", "with", ("",), ("μ = 0", "f = 0"), ((0.25, 0.5),)),),
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "a <run> & more"
    run.start(CONFIG, folder)
    run.advance(folder)
    return folder


@pytest.fixture(scope="module")
def file(directory):
    """The report, with what might have been seen of a genome at work."""
    return write_report(directory, directory / "report.html", SEEN)


def parsed(file):
    found = Page()
    found.feed(file.read_text(encoding="utf-8"))
    found.close()
    return found


@pytest.fixture(scope="module")
def page(file):
    return parsed(file)


def test_the_page_is_whole_and_stands_alone(page):
    assert page.open == []
    assert page.links == []
    assert len(page.pictures) == 4
    for picture in page.pictures:
        data = base64.b64decode(picture.removeprefix("data:image/png;base64,"), validate=True)
        assert data.startswith(b"\x89PNG")
        assert data.endswith(b"IEND\xaeB`\x82")


def test_it_says_what_was_run_and_found(page, directory):
    text = " ".join(page.text)
    assert "a <run> & more" in text  # escaped, so that it is text and no tag
    assert "tasks iris wine" in " ".join(text.split())
    assert "episode.steps 3" in " ".join(text.split())
    assert "seed 0" in text
    assert "learning_rate" not in text  # as usual, so not told
    assert f"blurax meta-train --resume '{directory}'\n" in text  # to be copied into a shell


def test_the_genome_at_work_is_told(page, directory, tmp_path):
    text = " ".join(" ".join(page.text).split())
    assert "The genome at work 3 steps of 128 examples, <2> seeds." in text
    without = parsed(write_report(directory, tmp_path / "short.html"))
    assert len(without.pictures) == 3
    assert "at work" not in " ".join(without.text)


@pytest.mark.parametrize("damage", ["no validation", "a task fewer"])
def test_a_log_without_the_validations_of_the_kept_genome_is_told(directory, tmp_path, damage):
    copy = tmp_path / "copy"
    shutil.copytree(directory, copy)
    log, config = copy / "metrics.jsonl", copy / "config.json"
    if damage == "no validation":
        log.write_bytes(log.read_bytes().splitlines(keepends=True)[0])
    else:
        header = json.loads(config.read_text("utf-8"))
        header["config"]["tasks"] = ["iris"]
        config.write_text(json.dumps(header), "utf-8")
    with pytest.raises(BluraxError, match="not the validations that it was chosen by; resume"):
        write_report(copy, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
ALONE = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--window-size=900,4000", "--host-resolver-rules=MAP * ~NOTFOUND"),
)
ASK = """<script>addEventListener("load", () => {
  const pictures = [...document.images].map((i) => [i.complete, i.naturalWidth, i.clientWidth]);
  const asked = performance.getEntriesByType("resource").map((e) => e.name);
  const width = document.documentElement.scrollWidth;
  document.title = JSON.stringify({pictures, asked, width});
})</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no chromium to look at the page with")
def test_a_browser_shows_it(file, tmp_path):
    """All pictures are there, none wider than the page, and nothing was asked of anybody."""
    copy = tmp_path / "asked.html"  # the report has no scripts; its copy gets one that looks
    copy.write_text(
        file.read_text(encoding="utf-8").replace("</body>", f"{ASK}</body>"), encoding="utf-8"
    )
    start = [BROWSER, *ALONE, f"--user-data-dir={tmp_path / 'profile'}"]
    dom = subprocess.run(
        [*start, "--dump-dom", copy.as_uri()], capture_output=True, encoding="utf-8", timeout=60
    ).stdout
    found = json.loads(html.unescape(dom.split("<title>")[1].split("</title>")[0]))
    assert len(found["pictures"]) == 4
    for complete, natural, shown in found["pictures"]:
        assert complete
        assert natural >= 1000
        assert 600 < shown <= 900
    assert found["width"] <= 900
    assert [name for name in found["asked"] if not name.startswith("data:")] == []
    picture = tmp_path / "page.png"
    subprocess.run([*start, f"--screenshot={picture}", file.as_uri()], timeout=60, check=True)
    assert struct.unpack(">II", picture.read_bytes()[16:24]) == (900, 4000)
    assert picture.stat().st_size > 50_000  # an empty page takes a tenth of that


def test_every_task_has_its_score(page):
    words = " ".join(" ".join(page.text).split())
    for task in CONFIG.tasks:
        score = float(words.split(f"{task} 4 ")[1].split()[0])
        assert 0 <= score <= 100


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(BluraxError, match="holds no run"):
        write_report(tmp_path, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
