"""The pages without a browser: every study draws, controls change what is drawn."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

import sims
from sims.catalogue import studies
from sims.study import HeatMap

APP = Path(__file__).parents[2] / "app.py"


@pytest.fixture
def app():
    at = AppTest.from_file(str(APP), default_timeout=60)
    yield at
    if "sims-job" in at.session_state:
        at.session_state["sims-job"][1].drop()


def open_page(app, family="random-features", **query):
    for name, value in query.items():
        app.query_params[name] = value
    return app.run().switch_page(f"pages/{family}.py").run()


def line_values(app):
    proto = app.get("vega_lite_chart")[0].proto
    table = pa.ipc.open_stream(proto.data.data).read_all().to_pydict()
    return [y for y, role in zip(table["y"], table["role"]) if role == "theory"]


def drawn(app):
    """Tell whether the first chart has anything of the theory: a line, a reference, a cell."""
    proto = app.get("vega_lite_chart")[0].proto
    table = pa.ipc.open_stream(proto.data.data).read_all().to_pydict()
    return {"theory", "reference"} & set(table["role"])


def test_home_links_to_every_study(app):
    app.run()
    assert not app.exception
    links = [link.label for link in app.get("page_link")]
    assert all(study.title in links for study in studies().values())


@pytest.mark.parametrize("name", list(studies()))
def test_every_study_draws_from_its_address(app, name):
    family, _, slug = name.partition("/")
    open_page(app, family, study=slug)
    assert not app.exception
    chart = app.get("vega_lite_chart")[0].proto
    study = studies()[name]
    assert study.takeaway in chart.alt
    view = study.views[0]
    shown = {view.measure} if isinstance(view, HeatMap) else set(view.measures)
    has_theory = shown & set(sims.run(study, trials=0).theory)  # some have none, and say so
    assert bool(drawn(app)) == bool(has_theory)


def test_a_moved_slider_changes_the_theory_and_the_address(app):
    open_page(app, study="variance-stack")
    before = line_values(app)
    app.slider(key="random-features/variance-stack:noise_variance").set_value(1.0).run()
    assert not app.exception
    assert line_values(app) != before
    assert app.query_params["noise_variance"] == "1"


def test_values_that_do_not_fit_are_explained_and_nothing_is_lost(app):
    open_page(app, study="double-descent")
    before = line_values(app)
    app.text_input(key="random-features/double-descent:ridges").set_value("0.1, -3").run()
    assert not app.exception
    assert "ridges = 0.1,-3 is not allowed" in app.error[0].value
    assert line_values(app) == before
