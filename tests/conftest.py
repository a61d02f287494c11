"""All tests work on the sample network, whatever network the operator of this checkout has."""

from __future__ import annotations

import os
from pathlib import Path

# For this process and for whatever it starts; a test of a network of its own takes it out.
os.environ["DIALTONE_PARAMETERS"] = str(Path(__file__).resolve().parent.parent / "parameters" / "sample")
