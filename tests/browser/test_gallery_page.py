"""The gallery as a reader opens it: from a folder, with no network at all."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from sims.reproduction import reproduce

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("gallery")
    reproduce(study="random-features/double-descent", seconds=5, out=out)
    return out


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_opens_offline_and_fits(browser, folder, scheme, width):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    page = context.new_page()
    requests, errors = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((folder / "index.html").as_uri())
    elsewhere = [url for url in requests if not url.startswith(("file:", "data:"))]
    assert (elsewhere, errors) == ([], [])
    drawn = page.evaluate(
        "[...document.images].every(i => i.complete && i.naturalWidth > 100 && i.alt)"
    )
    assert drawn
    assert page.evaluate("document.images.length") >= 1
    assert page.locator("math").count() > 3
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0
    found = Axe().run(page).response["violations"]
    assert [(problem["id"], [n["html"] for n in problem["nodes"]][:3]) for problem in found] == []
    context.close()
