"""SQLite's log is written back beside the commits, and begins anew."""

import time
from pathlib import Path

from sqlalchemy import text

from bedside.infra.database.checkpoints import LONG, Checkpoints
from bedside.infra.database.sqlite import open_sqlite, writing

PAGE = 4096


def test_a_log_that_is_written_back_between_commits_begins_anew_and_loses_nothing(
    tmp_path: Path,
) -> None:
    engine = open_sqlite(tmp_path / "x.sqlite")
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE x (n INTEGER PRIMARY KEY, content BLOB)"))
    log, count = Checkpoints(engine), 0
    try:
        began = time.monotonic()
        while count * 8 * PAGE < 4 * LONG * PAGE and time.monotonic() - began < 20:
            with writing(engine) as connection:
                connection.execute(
                    text("INSERT INTO x (content) VALUES (:content)"), {"content": bytes(8 * PAGE)}
                )
            count += 1
            log.turn()
            if count % 100 == 0:
                time.sleep(0.05)
    finally:
        log.close()

    size = (tmp_path / "x.sqlite-wal").stat().st_size
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT count(*) FROM x")).scalar()
    assert kept == count
    assert size < count * 8 * PAGE, "the log has begun anew at least once"
    assert (tmp_path / "x.sqlite").stat().st_size > LONG * PAGE
