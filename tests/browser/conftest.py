"""A fresh server and a headless Chromium for the tests of the running dashboard."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MISSING = (
    "the browser tests need Chromium: install it with `apt-get install chromium` (Debian, "
    "Ubuntu) or your system's package manager, so that `chromium` is on the PATH"
)


def pytest_collection_modifyitems(items):
    """Without a Chromium say what is missing; where one is demanded, fail."""
    if CHROMIUM:
        return
    required = os.environ.get("SIMS_REQUIRE_BROWSER") == "1"
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.usefixtures("no_browser") if required else skip())


def skip():
    return pytest.mark.skip(reason=MISSING)


@pytest.fixture
def no_browser():
    pytest.fail(MISSING)


class Server:
    """A dashboard of its own, with a store of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        environment = {**os.environ, "SIMS_STORE": str(folder / "trials.sqlite")}
        self.log = (folder / "server.log").open("w")
        command = [sys.executable, "-m", "sims.dashboard", "app.py", "--server.port", str(port)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=self.log, stderr=subprocess.STDOUT
        )

    def wait(self) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1)
                return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError("the dashboard did not start within 90 s")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)
        self.log.close()


@pytest.fixture
def fresh_server(tmp_path):
    server = Server(tmp_path)
    server.wait()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    shared = Server(tmp_path_factory.mktemp("server"))
    shared.wait()
    yield shared
    shared.stop()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()
