"""Links of the pages lead to files and headings that exist, and every page is in the menu once."""

import json
import re
from pathlib import Path

import pytest

import pages

SKIPPED = re.compile(r"^```.*?^```$|^    .*?$|`[^`\n]*`", re.S | re.M)
"""Code, in which nothing is a link or a heading."""
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILES = sorted(
    [pages.ROOT / "README.md", pages.ROOT / "CHANGELOG.md"]
    + [path for kind in ("md", "ipynb") for path in pages.DOCS.rglob(f"*.{kind}")]
)


def text_of(path: Path) -> str:
    """The Markdown of a page or of a notebook."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return text


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as the site makes them."""
    text = re.sub(r"^```.*?^```$", "", text_of(path), flags=re.S | re.M)
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    plain = [re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in headings]
    return {re.sub(r"[-\s]+", "-", heading) for heading in plain}


def broken(path: Path, link: str) -> bool:
    target, _, anchor = link.partition("#")
    found = path.parent / target if target else path
    if not found.exists():
        return True
    known = not anchor or found.suffix != ".md" or found.parent.name == "api"
    return not known and anchor not in anchors(found)  # of the API pages only the site knows


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(pages.ROOT)))
def test_links_lead_somewhere(path):
    links = LINK.findall(SKIPPED.sub("", text_of(path)))
    assert [link for link in links if "://" not in link and broken(path, link)] == []


def test_the_check_of_links_finds_what_is_broken():
    page = pages.DOCS / "index.md"
    assert broken(page, "nowhere.md")
    assert broken(page, "start/quickstart.md#nowhere")
    assert not broken(page, "start/quickstart.md#install")


def test_every_page_is_in_the_menu_once():
    menu = (pages.ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    menu = menu[menu.index("nav:") : menu.index("markdown_extensions:")]
    listed = re.findall(r"(\S+\.md)$", menu, re.M)
    names = [str(path.relative_to(pages.DOCS)) for path in FILES if pages.DOCS in path.parents]
    assert sorted(listed) == sorted(name.replace(".ipynb", ".md") for name in names)


def test_the_readme_links_to_every_group():
    links = LINK.findall(text_of(pages.ROOT / "README.md"))
    assert len(links) >= 15
    for group in ("start", "how-to", "explanation", "reference"):
        assert any(link.startswith(f"docs/{group}/") for link in links), group


def test_no_file_names_a_page_that_is_not_there():
    """Docstrings, comments and messages that name a page of the docs."""
    name = re.compile(r"\bdocs/[\w./-]+\.(?:md|png|py)\b")
    sources = [
        path
        for folder in ("src", "benchmarks", "tests", "docs")
        for kind in ("py", "md")
        for path in (pages.ROOT / folder).rglob(f"*.{kind}")
    ]
    named = {(found, path) for path in sources for found in name.findall(path.read_text("utf-8"))}
    assert len(named) >= 5
    assert [pair for pair in sorted(named) if not (pages.ROOT / pair[0]).exists()] == []
