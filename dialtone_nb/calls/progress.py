"""How far a sync has come, day by day: a bar for whoever sits in JupyterLab, nothing where nobody watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dialtone_nb.calls.archive.sync import Progress, Span


@contextmanager
def progress_bar(*, attended: bool) -> Iterator[Progress]:
    """What is to be called for each span of days that was read; the bar stays, full or as far as it came."""
    if not attended:
        yield lambda span, attempts, days: None
        return
    from tqdm.notebook import tqdm

    with tqdm(desc="calls", unit=" days") as bar:

        def show(span: Span, attempts: int, days: int) -> None:
            bar.total = days
            bar.set_postfix_str(f"{span.last}: {attempts:,} attempts")
            bar.update(span.days)

        yield show
