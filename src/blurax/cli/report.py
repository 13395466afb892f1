"""`blurax report`: a run as one page."""

from pathlib import Path

import tyro
from rich.console import Console
from rich.markup import escape

from blurax.analysis.report import write_report


def report(run: tyro.conf.Positional[Path], html: Path | None = None) -> None:
    """Write one self-contained HTML page about a meta-training run: it can be mailed as it is.

    Args:
        run: The run's directory.
        html: Where the page goes; the default is report.html in the run's directory.
    """
    page = write_report(run, html or run / "report.html")
    Console().print(f"Report: {escape(str(page))}")
