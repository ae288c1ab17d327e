"""Results on disk: pictures, tables, specifications and verdicts."""

from __future__ import annotations

import io
import json
import math
import shlex
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from sims.chart import chart

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from sims.result import Result
    from sims.study import View

Format = Literal["png", "svg", "pdf", "csv", "parquet", "vega-lite", "verdict"]
FORMATS: tuple[Format, ...] = get_args(Format)
PNG_SCALE = 2  # pixels a unit of length, for screens as fine as paper
SUFFIX: dict[Format, str] = {
    "png": ".png",
    "svg": ".svg",
    "pdf": ".pdf",
    "csv": ".csv",
    "parquet": ".parquet",
    "vega-lite": ".vl.json",
    "verdict": ".verdict.json",
}


def write(result: Result, folder: str | os.PathLike[str]) -> list[Path]:
    """Write a result: PNG, SVG and Vega-Lite of every view, CSV, Parquet, the verdict as JSON.

    Parameters
    ----------
    result : Result
    folder : path-like
        Made when it is not there.

    Returns
    -------
    list of Path
        The files, in the order written.
    """
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    slug = result.study.name.replace("/", "-")
    tables: tuple[Format, ...] = ("csv", "parquet", "verdict")
    pictures: tuple[Format, ...] = ("png", "svg", "vega-lite")
    written = [save(home / f"{slug}{SUFFIX[table]}", render(result, table)) for table in tables]
    for view in result.study.views:
        drawn = chart(result, view.name).to_dict()
        for picture in pictures:
            path = home / f"{slug}-{view.name}{SUFFIX[picture]}"
            written.append(save(path, _picture(drawn, picture)))
    return written


def render(
    result: Result,
    format_: Format,
    view: str | View | None = None,
    pins: Sequence[Result] = (),
) -> bytes:
    """Return a result, or one of its views, as the bytes of a file.

    Parameters
    ----------
    result : Result
    format_ : {"png", "svg", "pdf", "csv", "parquet", "vega-lite", "verdict"}
    view : str or View, optional
        For pictures and specifications; the first view by default.
    pins : sequence of Result
        Earlier results that pictures and specifications show faded.
    """
    if format_ == "csv":
        return result.to_frame().to_csv(index=False).encode()
    if format_ == "parquet":
        buffer = io.BytesIO()
        result.to_frame().to_parquet(buffer, index=False)
        return buffer.getvalue()
    if format_ == "verdict":
        return json.dumps(finite(result.verdict()), indent=2).encode()
    return _picture(chart(result, view, pins=pins).to_dict(), format_)


def _picture(drawn: dict[str, Any], format_: Format) -> bytes:
    if format_ == "vega-lite":
        return json.dumps(drawn, indent=1).encode()
    register_font()
    import vl_convert

    if format_ == "png":
        return bytes(vl_convert.vegalite_to_png(drawn, scale=PNG_SCALE))
    if format_ == "svg":
        return str(vl_convert.vegalite_to_svg(drawn)).encode()
    return bytes(vl_convert.vegalite_to_pdf(drawn))


def command_line(result: Result, stop: str = "") -> str:
    """Return the terminal command that reproduces a result."""
    from sims.params import as_text

    base = result.study.presets[0].params
    changes = result.params.changes(base)
    options = [f"--set {shlex.quote(f'{k}={as_text(v)}')}" for k, v in changes.items()]
    if result.provenance.seed:
        options.append(f"--seed {result.provenance.seed}")
    trials = stop or f"--trials {result.trials}"
    return " ".join(["sims run", result.study.name, *options, trials, "--out out"])


def snippet(result: Result) -> str:
    """Return the Python lines that reproduce a result."""
    base = result.study.presets[0].params
    changes = result.params.changes(base)
    return "\n".join(
        [
            "import sims",
            "",
            "result = sims.run(",
            f'    "{result.study.name}",',
            f"    {changes!r},",
            f"    trials={result.trials},",
            f"    seed={result.provenance.seed},",
            ")",
            "print(result.checks)",
            "result.chart()",
        ]
    )


def program_bibtex() -> str:
    """Return the entry by which this program is cited."""
    import sims

    return "\n".join(
        [
            "@software{sims,",
            "  title = {A laboratory for machine-learning theory},",
            f"  version = {{{sims.__version__}}},",
            "  year = {2026},",
            "}",
        ]
    )


def finite(value: Any) -> Any:
    """Replace what JSON can't hold (NaN, inf) by null and by the words for infinity."""
    if isinstance(value, dict):
        return {name: finite(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


@cache
def register_font() -> None:
    """Make the font that ships with the program known to the exporter.

    The exporter's own default lacks Greek and mathematical signs.
    """
    import vl_convert

    vl_convert.register_font_directory(str(files("sims") / "assets"))


def save(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all, whatever happens meanwhile."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(content)
    draft.replace(path)
    return path
