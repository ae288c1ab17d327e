"""The least that Streamlit can do with a slider and a chart: the floor under `benchmarks.page`."""

import numpy as np
import pyarrow as pa
import streamlit as st

POINTS = 240
SPEC = {
    "mark": "line",
    "encoding": {
        "x": {"field": "x", "type": "quantitative"},
        "y": {"field": "y", "type": "quantitative"},
    },
}


@st.fragment
def explorer() -> None:
    """Draw a curve that follows a slider."""
    st.session_state.setdefault("noise", 0.1)
    x = np.linspace(0, 1, POINTS)
    table = pa.table({"x": x, "y": st.session_state["noise"] + np.sin(6 * x)})
    st.vega_lite_chart(table, SPEC, theme=None, width="stretch", key="chart")
    st.slider("Label noise variance", 0.0, 5.0, step=0.05, key="noise")


st.title("A slider and a chart")
explorer()
