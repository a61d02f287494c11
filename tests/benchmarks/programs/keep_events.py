"""Keeps the attempts of event files in an archive: SOURCE ARCHIVE; prints how many days were written."""

from __future__ import annotations

import json
import sys

from dialtone_nb.calls.archive.days import save_parts
from dialtone_nb.calls.attempts.parts import EVERYTHING
from dialtone_nb.calls.load import load_calls


def main(source: str, archive: str) -> None:
    """Read and save one part after the other."""
    parts = load_calls(source, show_numbers=True).attempts.parts
    print(json.dumps({"days": save_parts(archive, (part.read(EVERYTHING) for part in parts))}))


if __name__ == "__main__":
    main(*sys.argv[1:3])
