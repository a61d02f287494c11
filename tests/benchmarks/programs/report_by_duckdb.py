"""The report's counts in DuckDB's SQL, over the same files or archive: SOURCE; prints the attempts by outcome.

It only counts: rows are not checked, nothing is drawn, and there are no findings about the files. DuckDB can't read tar
archives, so that they are unpacked into a folder first, within its time.
"""

from __future__ import annotations

import json
import sys
import tarfile
import tempfile
from pathlib import Path

import duckdb

# Files are lists of rows; without the largest size of a row DuckDB takes sixteen times the memory.
READ = """
create temp table used as
select cast(timestamp as timestamptz) at time zone 'UTC' as moment, coalesce(endpoint, channel) as phone,
       event, error_code
from read_json(?, format = 'array', records = true, maximum_object_size = 1000000,
               columns = {timestamp: 'varchar', event: 'varchar', channel: 'varchar', endpoint: 'varchar',
                          error_code: 'varchar'})
where starts_with(event, 'outgoing-dialstatus-') or starts_with(event, 'incoming-dialstatus-')
   or starts_with(event, 'error-')
"""
JUDGE = r"""
create temp table errors as
select moment, phone, substr(event, 7) as code from used where regexp_full_match(event, 'error-\d+');
create temp table ends as
select row_number() over () as id, moment, phone, error_code as told, substr(event, 1, 8) as direction,
       regexp_extract(event, '-dialstatus-(completed|busy|no-answer|failed|canceled|unknown)(-.+)?$', 1) as status
from used where regexp_full_match(event, '(out|in)(going|coming)-dialstatus-[a-z-]+(-.+)?');
create temp table beside as
select id,
       arg_min(code, (code not in ('32009', '32011'), abs(epoch_ms(errors.moment) - epoch_ms(ends.moment)),
                      errors.moment)) as code
from ends join errors on errors.phone = ends.phone
 and errors.moment between ends.moment - interval 5 seconds and ends.moment + interval 5 seconds
where status in ('failed', 'no-answer') group by id;
create temp table calls as
select moment, phone, direction, coalesce(told, code) as reason,
       case when status not in ('failed', 'no-answer') then replace(status, 'completed', 'answered')
            when coalesce(told, code) = '32009' then 'unregistered'
            when coalesce(told, code) = '32011' then 'unreachable'
            when coalesce(told, code) in ('13225', '13227') then 'blocked'
            else replace(status, '-', '_') end as outcome
from ends left join beside using (id) where status <> '';
"""
KEPT = """
create temp view calls as
select started_at as moment, client as phone, direction, outcome, reason from read_parquet(?)
"""
TABLES = (
    "select outcome, count(*) from calls group by all",
    "select date_trunc('day', moment), outcome, count(*) from calls group by all",
    "select date_trunc('week', moment), outcome, count(*) from calls group by all",
    "select hour(moment), dayofweek(moment), outcome, count(*) from calls group by all",
    "select phone, outcome, count(*), max(moment) from calls group by all",
    "select direction, outcome, count(*) from calls group by all",
    "select outcome, reason, count(*) from calls group by all order by 3 desc",
)


def main(source: Path) -> None:
    """Unpack, read, judge, and count by everything that the report has a table of; or count what an archive has."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as database:
        for path in sorted(source.glob("*.tar.xz")):
            with tarfile.open(path) as archive:
                archive.extractall(folder, filter="data")
        here = Path(folder) if any(Path(folder).iterdir()) else source
        if any(source.rglob("*.parquet")):
            database.execute(KEPT.replace("?", f"'{source}/**/*.parquet'"))
        else:
            database.execute(READ, [f"{here}/**/*.json"])
            database.execute(JUDGE)
        outcomes, *_ = [database.execute(table).fetchall() for table in TABLES]
    print(json.dumps({str(outcome): int(count) for outcome, count in outcomes}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
