"""DBOS over whatever SQLite this Python was built with."""

from pathlib import Path

from sqlalchemy import create_engine, text

from backend.durable import launched
from backend.store.database import let_sqlite_tell_fractions
from backend.store.locking import only_one


async def test_records_of_work_can_be_stamped_with_any_sqlite_that_python_comes_with(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'work.sqlite3'}"
    engine = create_engine(url)

    let_sqlite_tell_fractions()
    async with launched(url, {}, alone=lambda kind: only_one(engine, tmp_path, kind)):
        with engine.connect() as connection:
            now, stamped = connection.execute(
                text(
                    "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER), version_timestamp "
                    "FROM application_versions"
                )
            ).one()

    engine.dispose()
    assert 0 <= now - stamped < 60_000  # null where SQLite knows no fractions of a second
