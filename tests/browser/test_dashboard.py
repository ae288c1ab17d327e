"""The dashboard in a real browser: deep links, sliders, evidence, bad links, looks, no network."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
import vl_convert
from PIL import Image
from playwright.sync_api import expect

from sims.catalogue import studies

expect.set_options(timeout=45_000)
pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

CHART = '[data-testid="stVegaLiteChart"] .marks'
# Streamlit's own probing of a deep link, answered with 404 and harmless.
PROBES = ("/_stcore/health", "/_stcore/host-config")


def open_study(page, server, query, family="random-features"):
    page.goto(f"{server.url}/{family}?{query}")
    page.wait_for_selector(CHART)


def test_deep_link_opened_first_on_a_fresh_server_has_frame_and_values(fresh_server, page):
    open_study(page, fresh_server, "study=double-descent&n=300&noise_variance=0.2")
    expect(page.get_by_role("link", name="Random features")).to_be_visible()
    samples = page.get_by_role("slider", name="Number of samples")
    expect(samples).to_have_attribute("aria-valuetext", "300")
    samples.focus()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"n=(?!300)\d+"))
    assert "noise_variance=0.2" in page.url


def test_evidence_arrives_by_itself_and_the_meter_speaks(server, page):
    open_study(page, server, "study=double-descent&n=64&modes=400&points=6&seed=11")
    expect(page.get_by_text("20 of 20 trials")).to_be_visible()
    expect(page.get_by_text("holds").first).to_be_visible()
    assert page.locator(f"{CHART} .mark-symbol path").count() > 10


def test_link_round_trip_shows_the_same_numbers(server, page, browser):
    open_study(page, server, "study=variance-stack&n=64&modes=400&ridge=0.1&seed=5")
    expect(page.get_by_text("20 of 20 trials")).to_be_visible()
    first = page.locator(f"{CHART} .mark-area path").evaluate_all(
        "all => all.map(p => p.ariaLabel)"
    )
    meter = page.get_by_text("points agree").inner_text()
    other = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    other.goto(page.url)
    expect(other.get_by_text("20 of 20 trials")).to_be_visible(timeout=60_000)
    again = other.locator(f"{CHART} .mark-area path").evaluate_all(
        "all => all.map(p => p.ariaLabel)"
    )
    assert again == first
    assert other.get_by_text("points agree").inner_text() == meter
    other.context.close()


def test_bad_link_is_mended_with_a_message_and_keeps_the_rest(server, page):
    open_study(page, server, "study=double-descent&n=-5&alpha=abc&noise_variance=0.25&bogus=1")
    body = page.get_by_test_id("stMain")
    expect(body).to_contain_text("n = -5 is not allowed: it must be a whole number in [10, 1024]")
    expect(body).to_contain_text("alpha = abc is not allowed")
    expect(body).to_contain_text("bogus is not a parameter of this study")
    expect(page.get_by_role("slider", name="Number of samples")).to_have_attribute(
        "aria-valuetext", "10"
    )
    assert "noise_variance=0.25" in page.url
    assert page.get_by_test_id("stException").count() == 0


def test_moving_a_slider_abandons_the_work_in_flight(server, page):
    open_study(page, server, "study=double-descent&modes=8000&points=31&n=512&seed=3")
    samples = page.get_by_role("slider", name="Number of samples")
    samples.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(samples).not_to_have_attribute("aria-valuetext", "512")
    expect(page.get_by_text(re.compile(r"[1-9]\d* of 20 trials"))).to_be_visible()


def test_a_preset_sets_the_sliders(server, page):
    open_study(page, server, "study=variance-stack&n=64&modes=400")
    page.get_by_role("button", name="Presets").click()
    page.get_by_role("button", name="With enough ridge").click()
    expect(page).to_have_url(re.compile("ridge=1"))


def test_a_lesson_asks_before_it_reveals(server, page):
    open_study(page, server, "study=variance-stack&n=64&modes=400")
    expect(page.get_by_text("20 of 20 trials")).to_be_visible()
    page.get_by_text("Lesson: Whose fault is the peak?").click()
    assert page.get_by_text("all but vanishes").count() == 0
    page.get_by_text("The interaction", exact=True).click()
    page.get_by_role("button", name="Show me").click()
    expect(page.get_by_text("all but vanishes")).to_be_visible()
    expect(page).to_have_url(re.compile("ridge=1"))


@pytest.mark.parametrize("name", list(studies()))
def test_every_study_opens_without_error_or_foreign_request(server, page, name):
    foreign, errors = [], []
    page.on("request", lambda r: foreign.append(r.url) if foreign_url(server, r.url) else None)
    page.on(
        "response", lambda r: errors.append(r.url) if r.status >= 400 and not probe(r.url) else None
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    family, _, slug = name.partition("/")
    open_study(page, server, f"study={slug}", family)
    expect(page.get_by_text("Assumptions and sources")).to_be_visible()
    assert page.get_by_test_id("stException").count() == 0
    assert foreign == []
    assert errors == []


def test_what_is_taken_away_is_what_is_seen(server, page):
    open_study(page, server, "study=double-descent&n=64&modes=400&points=6&seed=5")
    expect(page.get_by_text("20 of 20 trials")).to_be_visible()
    seen = page.locator(f"{CHART} .mark-symbol path").count()
    page.get_by_role("button", name="Take it away").click()
    files = {name: taken(page, name) for name in FORMATS}
    with Image.open(io.BytesIO(files["PNG"])) as picture:
        assert picture.width > 600
        assert len(picture.convert("RGB").getcolors(10**6)) > 100
    drawing = ElementTree.fromstring(files["SVG"])
    symbols = [path for path in drawing.iter() if path.get("aria-roledescription") == "point"]
    assert "Test error" in "".join(drawing.itertext())
    assert files["PDF"].startswith(b"%PDF-")
    assert files["PDF"].rstrip().endswith(b"%%EOF")
    table = pd.read_csv(io.BytesIO(files["CSV"]), comment="#")
    columns = pd.read_parquet(io.BytesIO(files["Parquet"]))
    assert len(table) == len(columns) > seen > 0
    assert np.allclose(table["mean"], columns["mean"], equal_nan=True)
    shape = json.loads(files["Vega-Lite"])
    assert vl_convert.vegalite_to_svg(shape).count('aria-roledescription="point"') == len(symbols)
    verdict = json.loads(files["Verdict"])
    assert verdict["trials"] == 20
    assert verdict["params"]["n"] == 64


FORMATS = ("PNG", "SVG", "PDF", "CSV", "Parquet", "Vega-Lite", "Verdict")


def taken(page, name):
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    with open(waiting.value.path(), "rb") as file:
        return file.read()


def test_an_embedded_view_has_the_chart_and_no_frame(server, page):
    open_study(page, server, "embed=true&study=double-descent&n=64&modes=400")
    expect(page.get_by_role("link", name="Glossary")).to_have_count(0)
    expect(page.get_by_text("is not a parameter")).to_have_count(0)
    assert page.get_by_test_id("stException").count() == 0
    expect(page.get_by_role("slider", name="Number of samples")).to_be_visible()


def foreign_url(server, url):
    return not url.startswith((server.url, server.url.replace("http", "ws"), "data:", "blob:"))


def probe(url):
    return url.endswith(PROBES)
