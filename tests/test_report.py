"""The report of a run: one page that is whole, says what it should and hides nothing in it."""

import base64
import html.parser

import pytest

from blurax.analysis.report import write_report
from blurax.errors import BluraxError
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


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "a <run> & more"
    run.start(CONFIG, folder)
    run.advance(folder)
    return folder


@pytest.fixture(scope="module")
def page(directory):
    found = Page()
    found.feed(write_report(directory, directory / "report.html").read_text())
    found.close()
    return found


def test_the_page_is_whole_and_stands_alone(page):
    assert page.open == []
    assert page.links == []
    assert len(page.pictures) == 3
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
    assert f"blurax meta-train --resume {directory}" in text


def test_every_task_has_its_score(page):
    words = " ".join(" ".join(page.text).split())
    for task in CONFIG.tasks:
        score = float(words.split(f"{task} 4 ")[1].split()[0])
        assert 0 <= score <= 100


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(BluraxError, match="holds no run"):
        write_report(tmp_path, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
