"""The terminal program with the toys in its catalogue, for tests that need a process of its own."""

from types import MappingProxyType

import toys

import sims.catalogue
from sims.cli import main

if __name__ == "__main__":
    sims.catalogue.studies = lambda: MappingProxyType(toys.STUDIES)
    main()
