"""Take the README's picture from the running dashboard: ``python docs/make_screenshot.py URL``.

Start the dashboard first (`sims serve`); needs Chromium and the extra ``test``.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def main() -> None:
    """Open the double descent study, wait for its evidence, and save what is seen."""
    url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8501"
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1120}, device_scale_factor=1.5)
        page.goto(f"{url}/random-features?study=double-descent")
        page.get_by_text("20 of 20 trials").wait_for(timeout=120_000)
        page.wait_for_timeout(1500)
        page.screenshot(path=str(Path(__file__).with_name("screenshot.png")))
        browser.close()


if __name__ == "__main__":
    main()
