"""Several workers on one log, SQLite or PostgreSQL: they share the work, and do nothing twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text

from backend.flywheel import LABELS, Step
from backend.local.jobs import Jobs
from backend.local.ledger import ledger
from backend.store import cycles, schedule
from backend.store.database import open_database, transaction
from tests.chatting import environment
from tests.postgres import database, pour
from tests.turning import QUICK, template

SOON = 240.0


@dataclass(frozen=True)
class Site:
    """A home whose log lies in SQLite or PostgreSQL, and workers over it."""

    home: Path
    url: str
    engine: Engine
    work: Engine
    """Where DBOS keeps what is under way."""

    @contextmanager
    def workers(self, count: int, **settings: Any) -> Generator[list["subprocess.Popen[bytes]"]]:
        """So many workers, each a process of its own."""
        told = {"base_url": "local", "database_url": self.url, "schedule": "off", **QUICK}
        named = {f"TENK_{name.upper()}": str(value) for name, value in (told | settings).items()}
        with (self.home / "workers.log").open("wb") as log:
            processes = [
                subprocess.Popen(
                    [sys.executable, "-m", "backend.cli", "worker"],
                    env=environment(self.home, **named),
                    cwd=self.home.parent,
                    stdout=log,
                    stderr=log,
                )
                for _ in range(count)
            ]
            try:
                yield processes
            finally:
                for process in processes:
                    process.kill()
                    process.wait(timeout=20)

    def ask(self) -> int:
        with transaction(self.engine) as session:
            return cycles.open_cycle(session, by="test", tag="tag-of-this-cycle").id or 0

    def ended(self, key: int) -> bool:
        with transaction(self.engine) as session:
            return cycles.cycle(session, key).ended is not None

    def steps(self, key: int) -> list[str]:
        with transaction(self.engine) as session:
            return [one.text for one in cycles.events(session, key) if one.kind == "step"]

    def worker_of(self, name: str) -> int | None:
        """The process that DBOS knows to do this work."""
        table = "workflow_status" if self.work.dialect.name == "sqlite" else "dbos.workflow_status"
        asked = text(f"SELECT executor_id FROM {table} WHERE workflow_uuid = :name")
        with self.work.connect() as connection:
            told = connection.execute(asked, {"name": name}).scalar()
        return int(told.split("-")[-2]) if told else None

    @contextmanager
    def away(self) -> Generator[None]:
        """The PostgreSQL database takes nobody, as a server that is started again."""
        name, server = self.engine.url.database, self.engine.url.set(database="postgres")
        admin = create_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self.engine.dispose()
        with admin.connect() as connection:
            connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
            ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
            connection.execute(text(ends), {"name": name})
            try:
                yield
            finally:
                connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))
        admin.dispose()

    def told(self) -> str:
        """What the workers said."""
        return (self.home / "workers.log").read_text(encoding="utf-8")

    def until(self, true: Callable[[], object], what: str) -> None:
        began = time.monotonic()
        while not true():
            if time.monotonic() - began > SOON:
                told = self.told()
                raise AssertionError(f"{what} did not come about. The workers said:\n{told}")
            time.sleep(0.05)


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Site]:
    home = copytree(template(), tmp_path / "site")
    url = f"sqlite:///{home / 'tenk.sqlite3'}"
    work = create_engine(f"sqlite:///{home / 'worker.sqlite3'}", poolclass=NullPool)
    engine = open_database(url)
    if request.param == "postgresql":
        url = database(request.getfixturevalue("postgres"), tmp_path.name)
        source, engine = engine, open_database(url)
        pour(source, engine)
        source.dispose()
        work = engine
    yield Site(home, url, engine, work)
    engine.dispose()


def outcome(site: Site, key: int) -> dict[str, int]:
    """How often it happened what must happen once."""
    with transaction(site.engine) as session:
        row = cycles.cycle(session, key)
        told = cycles.sittings(session, key)
        assert not row.failed, row.ended
        return {
            "jobs": len(Jobs(ledger(site.home)).all()),
            "candidates": len(cycles.candidates(session)),
            "places sat": len({(one.arm, one.question, one.repeat) for one, _ in told}),
            "sittings": len(told),
        }


def test_two_workers_take_one_cycle_to_its_end_and_do_nothing_twice(site: Site) -> None:
    with site.workers(2):
        key = site.ask()
        site.until(lambda: site.ended(key), "The end of the cycle")

    done = outcome(site, key)
    assert site.steps(key) == list(LABELS.values())
    assert done["jobs"] == done["candidates"] == 1
    assert done["sittings"] == done["places sat"] > 0


@pytest.mark.parametrize("step", [Step.TRAIN, Step.EXAMINE])
def test_where_the_worker_that_has_the_cycle_is_killed_the_other_goes_on(
    site: Site, step: Step
) -> None:
    with site.workers(2) as workers:
        key = site.ask()
        site.until(lambda: LABELS[step] in site.steps(key), f"The step {step}")
        first = site.worker_of(f"cycle-{key}")
        assert first in {one.pid for one in workers}
        os.kill(first, signal.SIGKILL)
        site.until(lambda: site.ended(key), "The end of the cycle")
        second = site.worker_of(f"cycle-{key}")

    done = outcome(site, key)
    assert second in {one.pid for one in workers} - {first}
    assert site.steps(key) == list(LABELS.values())
    assert done["jobs"] == done["candidates"] == 1
    assert done["sittings"] == done["places sat"] > 0


@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_workers_outlive_a_database_that_is_away_for_a_while(site: Site) -> None:
    with site.workers(2) as workers:
        key = site.ask()
        site.until(lambda: LABELS[Step.TRAIN] in site.steps(key), "The training")
        with site.away():
            site.until(lambda: site.told().count("goes on when") >= 2, "A word of each worker")
        site.until(lambda: site.ended(key), "The end of the cycle")
        alive = [one.poll() is None for one in workers]

    done = outcome(site, key)
    assert alive == [True, True]
    assert "Traceback" not in site.told()
    assert site.steps(key) == list(LABELS.values())
    assert done["jobs"] == done["candidates"] == 1
    assert done["sittings"] == done["places sat"] > 0


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_a_worker_goes_over_to_the_log_that_lies_where_another_was(site: Site) -> None:
    with site.workers(1) as [worker]:
        site.until(lambda: (site.home / "look.lock").exists(), "The work of the worker")
        site.engine.dispose()
        rmtree(site.home)
        site.until(lambda: not site.home.exists(), "The end of the home")
        copytree(template(), site.home)
        key = site.ask()
        site.until(lambda: site.ended(key), "The end of the cycle")

        assert worker.poll() is None


def test_a_time_of_the_schedule_starts_one_cycle_though_two_workers_keep_it(site: Site) -> None:
    with site.workers(2, schedule="* * * * * *", min_new_examples=5):
        site.until(lambda: _runs(site) >= 6, "Six scheduled times")
        site.until(lambda: site.ended(1), "The end of the cycle")
        needs = "0 new kept examples since the dataset of cycle 1"
        site.until(lambda: needs in _last_reason(site), "A time after the cycle")

    with transaction(site.engine) as session:
        [row] = cycles.cycles(session)
    assert row.by == "schedule"


def _last_reason(site: Site) -> str:
    with transaction(site.engine) as session:
        last = schedule.last_run(session)
    return last.reason if last else ""


def _runs(site: Site) -> int:
    with site.engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM scheduledrun")).scalar() or 0
