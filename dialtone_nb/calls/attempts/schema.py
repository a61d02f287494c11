"""The schema of attempts: one row each, in the columns of every call report.

Millions of them are kept and counted as polars frames, in which repeated texts are categories. People and figures get
pandas frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from dialtone_nb.calls.attempts.outcomes import OUTCOMES
from dialtone_nb.values.phone_numbers import mask_number, mask_numbers

DIRECTIONS: Final = ("outgoing", "incoming")
# Twilio ends every call after 24 hours at the latest (docs: Call resource, TimeLimit).
LONGEST_CALL_S: Final = 24 * 3600
UTC_TIME: Final = pl.Datetime("us", "UTC")
REPEATED: Final = pl.Categorical()
SCHEMA: Final = pl.Schema(
    {
        "call_sid": pl.String(),
        "started_at": UTC_TIME,
        "environment": REPEATED,
        "client": REPEATED,
        "direction": pl.Enum(DIRECTIONS),
        "other_party": pl.String(),
        "outcome": pl.Enum(OUTCOMES),
        "reason": REPEATED,
        "sip_response": pl.Int16(),
        "duration_s": pl.Int64(),
        "price": pl.Float64(),
        "currency": REPEATED,
    }
)
# The same columns with pandas dtypes.
COLUMNS: Final = dict.fromkeys(SCHEMA, "str") | {
    "started_at": "datetime64[us, UTC]",
    "sip_response": "Int16",
    "duration_s": "Int64",
    "price": "float64",
}


def make_attempts(columns: Mapping[str, Sequence[Any]]) -> pl.DataFrame:
    """Attempts from columns, with all columns and types of `SCHEMA`, oldest first; missing columns are null.

    Raises ValueError if an outcome or direction is unknown.
    """
    rows = len(next(iter(columns.values()), ()))
    made = {
        name: pl.Series(name, columns[name], _plain(kind)) if name in columns else pl.Series(name, [None] * rows, kind)
        for name, kind in SCHEMA.items()
    }
    return type_attempts(pl.DataFrame(made)).pipe(sort_attempts, "call_sid")


def type_attempts(attempts: pl.DataFrame) -> pl.DataFrame:
    """The attempts with the types of `SCHEMA`; raises ValueError if an outcome or direction is unknown."""
    for name, known in (("outcome", OUTCOMES), ("direction", DIRECTIONS)):
        strangers = set(attempts[name].cast(pl.String).drop_nulls().unique()) - set(known)
        if strangers:
            raise ValueError(f"no {name} of ours: {', '.join(sorted(strangers))}")
    return attempts.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())


def _plain(kind: Any) -> Any:
    """The type of a column's values before they become categories."""
    return pl.String if isinstance(kind, pl.Categorical | pl.Enum) else kind


def sort_attempts(attempts: pl.DataFrame, tie: str) -> pl.DataFrame:
    """The attempts sorted by start, then by the column `tie`; those without a start come last."""
    if attempts["started_at"].null_count():
        return attempts.sort("started_at", tie, nulls_last=True, maintain_order=True)
    started = attempts["started_at"].to_physical().to_numpy()
    order = np.argsort(started, kind="stable")
    same = started[order[1:]] == started[order[:-1]]
    # Few attempts start at the same moment, so only those are sorted by the text column, which is slow.
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    if len(tied):
        rows = attempts[order[tied]].select("started_at", tie).with_columns(row=order[tied])
        order[tied] = rows.sort("started_at", tie, nulls_last=True, maintain_order=True)["row"].to_numpy()
    return attempts if np.array_equal(order, np.arange(len(order))) else attempts[order]


def attempts_of(frame: pd.DataFrame) -> pl.DataFrame:
    """The attempts of a pandas frame, in its order."""
    return type_attempts(pl.from_pandas(frame[list(COLUMNS)]))


def pandas_of(attempts: pl.DataFrame) -> pd.DataFrame:
    """The attempts, or any other rows, as a pandas frame; categories become texts."""
    texts = pl.col(pl.Categorical, pl.Enum).cast(pl.String)
    # Nullable integers stay integers in attempts; tallies have no missing numbers and use numpy's.
    whole = {pa.int64(): pd.Int64Dtype(), pa.int16(): pd.Int16Dtype()}.get if "duration_s" in attempts.columns else None
    frame: pd.DataFrame = attempts.with_columns(texts).to_arrow().to_pandas(types_mapper=whole)
    # Few columns need a conversion, and pandas takes long over those that need none.
    odd = {name: kind for name, kind in COLUMNS.items() if name in frame and frame[name].dtype != kind}
    return frame.astype(odd) if odd else frame


def make_frame(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """The attempts of these columns as a pandas frame, oldest first; missing columns are null."""
    return pandas_of(make_attempts(columns))


def mask_parties(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the last four digits of other parties' numbers masked; service codes such as 911 stay."""
    return frame.assign(other_party=frame["other_party"].map(_mask, na_action="ignore").astype("str"))


def _mask(party: str) -> str:
    if len(party.removeprefix("+1")) <= 3:
        return party
    return mask_numbers(party) if "@" in party else mask_number(party)


def sip_response_of(column: str) -> pl.Expr:
    """The SIP response codes in a column of texts; null for a text that is not one."""
    code = pl.col(column).cast(pl.Int16, strict=False)
    return pl.when(code.is_between(100, 699)).then(code)


def reason_of_sip(response: str) -> pl.Expr:
    """A column of SIP response codes as reasons such as "SIP 503"; null for codes below 300."""
    code = pl.col(response)
    return pl.when(code >= 300).then(pl.lit("SIP ") + code.cast(pl.String))
