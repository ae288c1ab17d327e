"""The page as an instrument: pins, sweeps, axes, lessons by link, other pages, accessibility."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from sims.catalogue import FAMILIES

expect.set_options(timeout=45_000)
pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

CHART = '[data-testid="stVegaLiteChart"] .marks'
QUICK = "study=variance-stack&n=64&modes=400&seed=5"
CURVES = "study=double-descent&n=64&modes=400&points=6&seed=11"
PAGES = ["", "verdicts", "glossary", *(family.slug for family in FAMILIES)]


def open_study(page, server, query):
    page.goto(f"{server.url}/random-features?{query}")
    page.wait_for_selector(CHART)


def settled(page):
    expect(page.get_by_text(re.compile(r"^20 of 20 trials"))).to_be_visible()


def test_a_pin_stays_on_the_chart_travels_in_the_link_and_can_go(server, page, browser):
    open_study(page, server, CURVES)
    settled(page)
    page.get_by_role("button", name="Pin this view").click()
    expect(page.get_by_role("button", name=re.compile("^A: "))).to_be_visible()
    slider = page.get_by_role("slider", name="Number of samples")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile("pins="))
    other = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    other.goto(page.url)
    expect(other.get_by_role("button", name=re.compile("^A: "))).to_be_visible()
    expect(other.locator(f"{CHART} text", has_text="pinned")).to_be_visible()
    other.get_by_text("Pins side by side").click()
    expect(other.locator('[data-testid="stVegaLiteChart"]')).to_have_count(2)
    other.get_by_role("button", name=re.compile("^A: ")).click()
    expect(other.get_by_role("button", name=re.compile("^A: "))).to_have_count(0)
    expect(other).not_to_have_url(re.compile("pins="))
    other.context.close()


def test_small_multiples_and_play(server, page):
    open_study(page, server, CURVES)
    page.get_by_role("button", name="Sweep").click()
    page.get_by_role("button", name="Small multiples").click()
    expect(page.locator('[data-testid="stVegaLiteChart"]')).to_have_count(7)
    page.get_by_role("button", name="Play it").click()
    alpha = page.get_by_role("slider", name="Eigenvalue exponent")
    before = alpha.get_attribute("aria-valuetext")
    expect(alpha).not_to_have_attribute("aria-valuetext", before)
    page.get_by_role("button", name="Stop playing").click()
    expect(page.get_by_role("button", name="Stop playing")).to_have_count(0)


def test_axes_change_their_scale(server, page):
    open_study(page, server, CURVES)
    settled(page)
    labels = page.locator(f"{CHART} .role-axis-label text")
    before = labels.all_text_contents()
    page.get_by_role("button", name="Axes").click()
    page.get_by_role("radiogroup", name="Horizontal axis").get_by_text("linear").click()
    expect(labels.first).not_to_have_text(before[0])


def test_a_link_opens_a_step_of_a_lesson(server, page):
    open_study(page, server, f"{CURVES}&lesson=2")
    expect(page.get_by_text("Step 2 of 3")).to_be_visible()
    page.goto(f"{server.url}/random-features?{CURVES}&lesson=9")
    expect(page.get_by_test_id("stMain")).to_contain_text("lesson = 9 is not allowed")


def test_a_lesson_from_start_to_end_on_a_projector(server, page):
    open_study(page, server, f"{CURVES}&lesson=1&teach=1")
    assert page.get_by_role("slider").count() == 0
    count = int(page.get_by_text(re.compile(r"Step 1 of \d")).inner_text()[-1])
    for step in range(1, count + 1):
        expect(page.get_by_text(f"Step {step} of {count}")).to_be_visible()
        expect(page.get_by_test_id("stAlert")).to_have_count(0)
        page.get_by_role("radio").first.check(force=True)
        page.get_by_role("button", name="Show me").click()
        expect(page.get_by_test_id("stAlert")).to_be_visible()
        if step < count:
            page.get_by_role("button", name="Next step").click()
    page.get_by_role("button", name="Leave the lesson").click()
    expect(page.get_by_role("slider").first).to_be_visible()


def test_the_keyboard_alone_is_enough(server, page):
    """From the top of the page to a moved slider by Tab and arrows, with the focus in sight."""
    open_study(page, server, QUICK)
    settled(page)
    before = page.url
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('[role=slider], [type=range]')"):
            break
    else:
        pytest.fail("sixty stops and no slider")
    page.keyboard.press("ArrowRight")
    expect(page).not_to_have_url(before)


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_moves_for_who_asked_for_that(server, browser, motion):
    context = browser.new_context(reduced_motion=motion)
    page = context.new_page()
    open_study(page, server, QUICK)
    settled(page)
    moving = page.evaluate(
        """() => [...document.querySelectorAll('*')].filter(e => {
             const style = getComputedStyle(e);
             return [style.transitionDuration, style.animationDuration].some(
               all => all.split(',').some(one => parseFloat(one) > 0));
           }).length"""
    )
    assert (moving == 0) == (motion == "reduce")
    context.close()


def test_from_home_to_a_pinned_comparison_and_a_figure_in_under_ten_actions(server, page):
    page.goto(server.url)
    page.get_by_role("link", name="What the peak is made of").click()  # 1
    page.wait_for_selector(CHART)
    page.get_by_role("button", name="Pin this view").click()  # 2
    expect(page.get_by_role("button", name=re.compile("^A: "))).to_be_visible()
    page.get_by_role("slider", name="Label noise variance").focus()  # 3
    page.keyboard.press("ArrowRight")  # 4
    page.get_by_role("button", name="Take it away").click()  # 5
    with page.expect_download() as waiting:
        page.get_by_role("button", name="PNG", exact=True).click()  # 6
    with open(waiting.value.path(), "rb") as file:
        assert file.read(4) == b"\x89PNG"


def test_the_search_finds_studies_papers_and_symbols(server, page):
    page.goto(server.url)
    page.get_by_role("textbox").fill("ridge double descent")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Double descent", exact=True)).to_be_visible()
    page.get_by_role("textbox").fill("no such thing")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing has all these words")).to_be_visible()


@pytest.mark.parametrize("place", PAGES)
@pytest.mark.parametrize(("scheme", "width"), [("dark", 1280), ("dark", 390), ("light", 390)])
def test_every_page_fits_its_width_on_both_grounds(server, browser, place, scheme, width):
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(f"{server.url}/{place}")
    page.wait_for_selector("h1")
    if place not in ("verdicts", "glossary"):
        page.wait_for_selector(CHART)
        for chart in page.locator('[data-testid="stVegaLiteChart"]').all():
            box = chart.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    lightness = sum(int(part) for part in re.findall(r"\d+", ground)[:3]) / 3
    assert (lightness < 64) == (scheme == "dark")
    assert page.get_by_test_id("stException").count() == 0
    context.close()


@pytest.mark.parametrize("place", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_or_critical_finding_of_axe(server, browser, place, scheme):
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{server.url}/{place}")
    page.wait_for_selector("h1")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    page.wait_for_timeout(2000)
    found = Axe().run(page).response["violations"]
    context.close()
    grave = [
        f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert grave == []
