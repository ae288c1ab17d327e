from __future__ import annotations

import io
import json
import math
import shlex
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
from toys import COIN, WHOLE, Coin

from sims.cli import app
from sims.params import Params, parameter
from sims.report import FORMATS, SUFFIX, command_line, finite, render, snippet, write
from sims.runner import run
from sims.study import Preset

SIGNATURES = {"png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-", "parquet": b"PAR1"}


@pytest.fixture(scope="module")
def result():
    return run(COIN, {"p": 0.25}, trials=30, seed=3)


@pytest.fixture(scope="module")
def folder(result, tmp_path_factory):
    place = tmp_path_factory.mktemp("out") / "deep" / "er"
    return place, write(result, place)


def plain(text):
    """Parse JSON as a strict reader does: NaN and Infinity are no JSON."""

    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


def test_write_makes_every_file_and_names_it(folder):
    place, files = folder
    assert [file.name for file in files] == [
        "toys-coin.csv",
        "toys-coin.parquet",
        "toys-coin.verdict.json",
        *(
            f"toys-coin-{view}{suffix}"
            for view in ("curve", "map", "stack")
            for suffix in (".png", ".svg", ".vl.json")
        ),
    ]
    assert sorted(place.iterdir()) == sorted(files)


def test_pictures_are_pictures(folder):
    _, files = folder
    for file in files:
        content = file.read_bytes()
        if file.suffix == ".png":
            assert content.startswith(SIGNATURES["png"])
            assert int.from_bytes(content[16:20]) > 800  # twice the size on a page
        if file.suffix == ".svg":
            root = ElementTree.fromstring(content)
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
            texts = {"".join(text.itertext()) for text in root.iter(f"{root.tag[:-3]}text")}
            assert "throws n" in texts


def test_the_table_holds_the_numbers(folder, result):
    place, _ = folder
    text = (place / "toys-coin.csv").read_text()
    assert text.splitlines()[0] == "measure,side,throws,theory,mean,stderr,low,high,trials"
    back = pd.read_csv(io.StringIO(text))
    pd.testing.assert_frame_equal(back, result.to_frame(), check_dtype=False, rtol=0, atol=0)


def test_the_verdict_is_strict_json(folder, result):
    place, _ = folder
    verdict = plain((place / "toys-coin.verdict.json").read_text())
    assert verdict == finite(result.verdict())
    unclear = run(COIN, trials=1)  # its figure is not a number
    assert plain(render(unclear, "verdict"))["checks"][0]["figure"] is None


def test_the_specification_is_strict_json_with_its_data(folder, result):
    place, _ = folder
    for view in ("curve", "map", "stack"):
        shape = plain((place / f"toys-coin-{view}.vl.json").read_text())
        assert "vega-lite" in shape["$schema"]
        values = [row for data in shape["datasets"].values() for row in data]
        assert {row["role"] for row in values} >= {"theory"}
    values = next(iter(plain((place / "toys-coin-curve.vl.json").read_text())["datasets"].values()))
    means = [row["y"] for row in values if row["role"] == "simulation"]
    assert means == result.mean["squared"].ravel().tolist()


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_is_rendered(result, format_):
    content = render(result, format_)
    assert isinstance(content, bytes)
    assert content.startswith(SIGNATURES.get(format_, b""))
    assert SUFFIX[format_].startswith(".")
    if format_ == "parquet":
        back = pd.read_parquet(io.BytesIO(content))
        pd.testing.assert_frame_equal(back, result.to_frame())
    if format_ in ("verdict", "vega-lite"):
        plain(content)
    if format_ == "svg":
        ElementTree.fromstring(content)


def test_a_view_is_chosen_by_name(result):
    assert render(result, "vega-lite", "map") != render(result, "vega-lite")
    with pytest.raises(ValueError, match="view = 'plan' is not allowed: toys/coin has curve, map"):
        render(result, "svg", "plan")


def test_a_study_without_evidence_is_written_too(tmp_path):
    files = write(run(WHOLE), tmp_path)
    assert len(files) == 6
    assert all(file.stat().st_size for file in files)


def test_the_font_has_the_papers_signs():
    """Without it λ, Σ and ‖ would switch a whole label to another typeface."""
    from importlib.resources import files

    from sims.report import register_font

    register_font()
    assert (files("sims") / "assets" / "DejaVuSans.ttf").read_bytes()[:4] == b"\x00\x01\x00\x00"


def test_finite_has_no_nan():
    value = {"a": [math.nan, math.inf, -math.inf, 1.5], "b": (True, None, "nan"), "c": {"d": 2}}
    assert finite(value) == {
        "a": [None, "inf", "-inf", 1.5],
        "b": [True, None, "nan"],
        "c": {"d": 2},
    }
    assert finite(np.float64("nan")) is None


# --- what reproduces a result ---


def test_the_command_line_reproduces_the_result(result, toy_catalogue, capsys):
    line = command_line(result)
    assert line == "sims run toys/coin --set p=0.25 --seed 3 --trials 30 --out out"
    arguments = shlex.split(line)[1:-2]
    app([*arguments, "--json", "--no-store"], standalone_mode=False)
    verdict = plain(capsys.readouterr().out)
    assert verdict["checks"] == finite(result.verdict())["checks"]
    assert verdict["params"] == result.verdict()["params"]


def test_the_command_line_survives_a_shell():
    from typing import Literal

    class KernelParams(Params):
        kernel: Literal["NNGP", "two layers"] = parameter(
            "NNGP", title="kernel", symbol="K", help="Which."
        )
        throws: tuple[float, ...] = (1, 10)
        p: float = 0.5
        claim: float = 1.0

    class Wordy(Coin):
        Params = KernelParams
        presets = (Preset("first", "First", KernelParams(), 5),)

    line = command_line(run(Wordy(), {"kernel": "two layers", "throws": (1, 2)}, trials=2))
    assert shlex.split(line)[2:7] == [
        "toys/coin", "--set", "kernel=two layers", "--set", "throws=1,2",
    ]  # fmt: skip


def test_another_stopping_rule_can_be_named(result):
    assert command_line(result, "--budget 30s").endswith("--seed 3 --budget 30s --out out")


def test_the_snippet_reproduces_the_result(result, toy_catalogue, capsys):
    names = {}
    exec(snippet(result), names)
    assert names["result"].mean["squared"].tobytes() == result.mean["squared"].tobytes()
    assert repr(result.checks) in capsys.readouterr().out
