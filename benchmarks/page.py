"""How fast a page feels: ``python -m benchmarks.page``.

Starts a server of its own with an empty trial store, drives it with headless Chromium, and prints
the home page on a cold server, and medians of: page switch, slider to repainted theory, slider to
first evidence, and a step of the slider inside the chart. Beside them, in the same run, the floor:
what Streamlit needs for a page that holds one slider and one line (`bare_page.py`).
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
CHART = '[data-testid="stVegaLiteChart"] .marks'
MOVES = 20
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]

# Times of changes to the lines (theory) and of the first point (evidence) since `window.begun`.
WATCH = """() => {
  window.lines = []; window.points = [];
  const within = node => {
    const element = node.nodeType === 1 ? node : node.parentElement;
    return element && element.closest('[data-testid="stVegaLiteChart"]');
  };
  new MutationObserver(changes => {
    if (!changes.some(change => within(change.target))) return;
    window.lines.push(performance.now());
    if (document.querySelector('[data-testid="stVegaLiteChart"] .mark-symbol.layer_3_marks path'))
      window.points.push(performance.now());
  }).observe(document.body, {subtree: true, childList: true, attributes: true});
}"""

RESET = "() => { window.lines = []; window.points = []; window.begun = performance.now() }"


def main() -> None:
    """Measure and print."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        first, slider = bare(chromium)
        with serving(["sims.dashboard", "app.py"]) as (url, up):
            page = chromium.new_page(viewport={"width": 1280, "height": 900})
            seconds = first_load(page, url)
            print(
                f"first load of home             {seconds:8.2f} s   (floor {first:.2f} s; "
                f"server up in {up:.1f} s)"
            )
            report("page switch", [switch(page, step) for step in range(MOVES)])
            page.goto(f"{url}/random-features?study=double-descent")
            page.wait_for_selector(CHART, timeout=60_000)
            page.wait_for_timeout(8000)
            page.evaluate(WATCH)
            theory, evidence = zip(*[move(page) for _ in range(MOVES)])
            ratio = report("slider to repainted theory", theory) / slider
            print(f"    ratio to the floor         {ratio:8.2f}")
            report("slider to first evidence", evidence)
            report("step of the slider in the chart", scrub(page))


def bare(chromium: Browser) -> tuple[float, float]:
    """Return seconds to the first load of the bare page, and milliseconds a move of its slider."""
    with serving(["streamlit", "run", "benchmarks/bare_page.py"]) as (url, _):
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        first = first_load(page, url)
        page.wait_for_timeout(3000)
        page.evaluate(WATCH)
        moves = [move(page, evidence=False)[0] for _ in range(MOVES)]
        middle = report("floor: slider to repainted line", moves)
        page.close()
    return first, middle


def first_load(page: Page, url: str) -> float:
    """Open a page and return the seconds until its heading and a chart are there."""
    begun = time.perf_counter()
    page.goto(url)
    page.wait_for_selector("h1", timeout=60_000)
    page.wait_for_selector(CHART, timeout=60_000)
    return time.perf_counter() - begun


@contextmanager
def serving(command: list[str]) -> Iterator[tuple[str, float]]:
    """Start a server, and end it; yields its address and the seconds until it answered."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        server, url = start(Path(folder), command)
        try:
            yield url, time.perf_counter() - begun
        finally:
            server.terminate()
            server.wait()


def start(folder: Path, command: list[str]) -> tuple[subprocess.Popen[bytes], str]:
    """Start a server on a free port and wait until it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "SIMS_STORE": str(folder / "trials.sqlite")}
    server = subprocess.Popen(
        [sys.executable, "-m", *command, "--server.port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)
            return server, url
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the dashboard did not start")


def chromium_path() -> str:
    """Return where Chromium is."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise SystemExit("this benchmark needs Chromium (apt-get install chromium)")
    return found


def move(page: Page, evidence: bool = True) -> tuple[float, float]:
    """Press one arrow key on a slider; return milliseconds to theory and to evidence.

    The noise goes up by one step each time, so that no view is in the trial store.
    """
    slider = page.get_by_role("slider", name="Label noise variance")
    slider.focus()
    page.evaluate(RESET)
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(1500)
    times = page.evaluate("() => [window.lines[0], window.points[0]].map(t => t - window.begun)")
    page.wait_for_timeout(1500 if evidence else 0)
    return float(times[0] or "nan"), float(times[1] or "nan")


def switch(page: Page, step: int) -> float:
    """Go to another page by its link in the bar; return milliseconds to its heading."""
    title = ("Random features", "Glossary")[step % 2]
    begun = time.perf_counter()
    page.get_by_role("link", name=title, exact=True).first.click()
    page.wait_for_selector(f"h1:has-text('{title}')")
    taken = (time.perf_counter() - begun) * 1e3
    page.wait_for_timeout(2500)
    return taken


def scrub(page: Page) -> list[float]:
    """Step through the curves inside the chart; return milliseconds a step."""
    page.get_by_text("Scrub the ridge").click()
    page.wait_for_selector(".vega-bindings input")
    page.wait_for_timeout(3000)
    page.locator(".vega-bindings input").focus()
    times = []
    for _ in range(MOVES):
        page.evaluate(RESET)
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(200)
        times.append(float(page.evaluate("() => window.lines[0] - window.begun") or "nan"))
    return times


def report(words: str, times: Iterable[float]) -> float:
    """Print median and quartiles of what was seen, and return the median."""
    seen = sorted(t for t in times if t == t)
    quartiles = statistics.quantiles(seen, n=4)
    text = f"{quartiles[1]:8.0f} ms  (quartiles {quartiles[0]:.0f}, {quartiles[2]:.0f};"
    print(f"{words:<30} {text} {len(seen)} moves)")
    return quartiles[1]


if __name__ == "__main__":
    main()
