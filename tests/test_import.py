from __future__ import annotations

import subprocess
import sys

import pytest

import sims

HEAVY = ("streamlit", "cvxpy", "sklearn", "pandas", "altair", "xarray", "vl_convert", "pyarrow")


def loaded_by(code):
    """Return the modules that a fresh interpreter has loaded after some code."""
    asking = f"{code}\nimport sys\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", asking], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_import_sims_is_light():
    loaded = loaded_by("import sims")
    assert "sims" in loaded
    assert not loaded & {*HEAVY, "scipy", "numpy", "pydantic"}


@pytest.mark.parametrize(
    "code",
    [
        "from sims import run, studies",
        "import sims.study, sims.params, sims.agreement, sims.moments, sims.store, sims.result",
        "import sims.cli",
    ],
)
def test_what_a_worker_needs_leaves_heavy_libraries_alone(code):
    assert not loaded_by(code) & set(HEAVY)


@pytest.mark.parametrize("command", ["--help", "run --help", "version"])
def test_help_is_light(command):
    code = f"import sys\nsys.argv = ['sims', *{command.split()!r}]\nfrom sims.cli import main\n"
    code += "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    assert not loaded_by(code) & {*HEAVY, "scipy"}


def test_the_public_names():
    from sims.catalogue import studies
    from sims.reproduction import reproduce
    from sims.runner import run

    assert sims.run is run
    assert sims.reproduce is reproduce
    assert sims.studies is studies
    assert sims.__all__ == ["reproduce", "run", "studies"]
    assert sims.__version__.count(".") == 2


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="module 'sims' has no attribute 'walk'"):
        sims.walk  # noqa: B018
