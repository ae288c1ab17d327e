"""The gallery: one self-contained page with every chart, its checks and where it came from."""

from __future__ import annotations

import base64
import html
import os
import platform
import time
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sims
from sims.catalogue import FAMILIES
from sims.report import PNG_SCALE, command_line, save, write

if TYPE_CHECKING:
    from sims.campaign import Entry
    from sims.reproduction import Reproduction

_PAUSE_SECONDS = 10.0  # between two writings of the page while work goes on
_LARGEST_SVG = 200_000  # bytes; heavier pictures are shown as PNG


class Gallery:
    """A folder of figures and tables with an ``index.html`` that needs no network.

    Parameters
    ----------
    folder : path-like
        Made when it is not there.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._written: dict[str, tuple[int, list[Path]]] = {}
        self._last = 0.0

    def update(self, found: Reproduction, *, final: bool) -> None:
        """Write the files of studies that have finished since, and the page.

        Parameters
        ----------
        found : Reproduction
        final : bool
            Write everything there is, finished or not, without waiting.
        """
        news = False
        for entry in found.entries:
            if entry.result is not None and (final or entry.state == "complete"):
                news |= self._write(entry)
        if final or (news and time.monotonic() - self._last > _PAUSE_SECONDS):
            save(self.folder / "index.html", self._page(found).encode())
            save(self.folder / "junit.xml", found.junit().encode())
            self._last = time.monotonic()

    def _write(self, entry: Entry) -> bool:
        result, name = entry.result, entry.item.study.name
        if result is None or self._written.get(name, (-1, []))[0] == result.trials:
            return False
        self._written[name] = (result.trials, write(result, self.folder / name))
        return True

    def _page(self, found: Reproduction) -> str:
        template = _template()
        families = [
            (family.title, cards)
            for family in FAMILIES
            if (cards := [self._card(e) for e in found.entries if _family(e) == family.slug])
        ]
        others = [e for e in found.entries if _family(e) not in {f.slug for f in FAMILIES}]
        if others:
            families.append(("Other studies", [self._card(entry) for entry in others]))
        checks = [check for _, cards in families for card in cards for check in card["checks"]]
        page: str = template.render(
            found=found,
            families=families,
            checks=len(checks),
            statistical=sum(check.alarm > 0 for check in checks),
            verdict={True: "holds", False: "fails", None: "undecided"}[found.holds],
            done=sum(entry.state == "complete" for entry in found.entries),
            version=sims.__version__,
            python=platform.python_version(),
            date=time.strftime("%Y-%m-%d %H:%M"),
        )
        return page

    def _card(self, entry: Entry) -> dict[str, Any]:
        study, result = entry.item.study, entry.result
        paths = self._written.get(study.name, (0, []))[1]
        return {
            "anchor": study.name.replace("/", "-"),
            "study": study,
            "statement": markdown(study.statement),
            "takeaway": markdown(study.takeaway),
            "preset": entry.item.preset,
            "entry": entry,
            "result": result,
            "checks": result.checks if result else (),
            "pictures": _pictures(study, paths),
            "command": command_line(result) if result else "",
            "files": [(path.name, path.relative_to(self.folder).as_posix()) for path in paths],
        }


def markdown(text: str) -> str:
    """Return a statement's Markdown, with its LaTeX, as HTML with MathML.

    Examples
    --------
    >>> "<strong>" in markdown("**bold** and $x^2$") and "<math" in markdown("$x^2$")
    True
    """
    return str(_renderer().render(text))


@cache
def _renderer() -> Any:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    return MarkdownIt("js-default").use(dollarmath_plugin, renderer=_mathml)


def _mathml(latex: str, options: dict[str, Any]) -> str:
    from latex2mathml.converter import convert

    return str(convert(latex, display="block" if options.get("display_mode") else "inline"))


@cache
def _template() -> Any:
    from jinja2 import Environment

    source = (files("sims") / "assets" / "gallery.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["math"] = lambda latex: _mathml(latex, {"display_mode": True})
    return environment.from_string(source)


def _pictures(study: Any, paths: list[Path]) -> list[tuple[str, str, int | None]]:
    """Return every view's title and picture, as data that a page holds itself.

    With the width at which a picture of pixels is as large as one of lines.
    """
    known = {path.name: path for path in paths}
    pictures = []
    for view in study.views:
        stem = f"{study.name.replace('/', '-')}-{view.name}"
        vector, pixels = known.get(f"{stem}.svg"), known.get(f"{stem}.png")
        if vector is None or pixels is None:
            continue
        small = vector.stat().st_size <= _LARGEST_SVG
        kind, path = ("svg+xml", vector) if small else ("png", pixels)
        content = path.read_bytes()
        width = None if small else int.from_bytes(content[16:20], "big") // PNG_SCALE
        data = base64.b64encode(content).decode()
        pictures.append((html.escape(view.title), f"data:image/{kind};base64,{data}", width))
    return pictures


def _family(entry: Entry) -> str:
    return entry.item.study.family
