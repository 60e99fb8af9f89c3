"""Who may sign in: the commands, the last admin, and how wrong passwords slow down."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine
from sqlmodel import select

from backend.errors import DataError, NotFound
from backend.records import Person, Turn, WrongPassword
from backend.store import persons
from backend.store.database import open_database, transaction
from backend.store.history import save_thread, thread_owner, threads_of
from backend.store.turns import add_turn, rate
from bot.signin import SignIn
from tests.chatting import environment

SECRET = "correct horse"


# -- the commands


def tenk(home: Path, *words: str, told: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "backend.cli", "users", *words],
        env=environment(home),
        cwd=home.parent,
        input=told,
        capture_output=True,
        text=True,
        timeout=60,
    )


def add(home: Path, name: str, role: str, password: str = SECRET) -> Any:
    words = ("add", name, "--role", role, "--password-stdin")
    return tenk(home, *words, told=f"{password}\nnot read\n")


def held(home: Path, name: str) -> Person | None:
    with transaction(open_database(f"sqlite:///{home / 'tenk.sqlite3'}")) as session:
        return persons.person_named(session, name)


def test_a_user_who_is_added_can_sign_in_and_is_listed_without_any_password(
    own_home: Path,
) -> None:
    added = add(own_home, "ann", "admin")
    listed = tenk(own_home, "list", "--json")
    table = tenk(own_home, "list")

    ann = held(own_home, "ann")
    assert added.returncode == 0 and "ann may sign in as admin" in added.stdout
    assert "everybody has to sign in" in added.stdout
    assert ann is not None and ann.password is not None
    assert PasswordHasher().verify(ann.password, SECRET)
    (row,) = json.loads(listed.stdout)
    assert (row["name"], row["role"], set(row)) == ("ann", "admin", {"name", "role", "added"})
    assert re.search(r"^ann +admin +\d{4}-\d\d-\d\d \d\d:\d\d UTC$", table.stdout, re.M)
    assert SECRET not in added.stdout + added.stderr + listed.stdout


def test_a_password_is_asked_twice_on_a_terminal_and_not_shown(own_home: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "backend.cli", "users", "add", "ann", "--role", "admin"],
        env=environment(own_home),
        cwd=own_home.parent,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = answer(ours, b"Password: ")
        shown += answer(ours, b"Again: ")
        shown += rest(ours)
        status = process.wait(timeout=60)
    os.close(ours)

    assert status == 0, shown
    assert SECRET.encode() not in shown
    assert held(own_home, "ann") is not None


def answer(terminal: int, asked: bytes) -> bytes:
    shown = b""
    while not shown.endswith(asked):
        shown += os.read(terminal, 1)
    os.write(terminal, SECRET.encode() + b"\n")
    return shown


def rest(terminal: int) -> bytes:
    shown = b""
    try:
        while part := os.read(terminal, 1024):
            shown += part
    except OSError:  # how a terminal says that the other end is closed
        return shown
    return shown


def test_what_cannot_be_done_is_one_line_and_changes_nothing(own_home: Path) -> None:
    add(own_home, "ann", "admin")
    before = held(own_home, "ann")

    told = [
        add(own_home, "ANN", "reader"),
        add(own_home, "bob", "reader", password="short"),
        tenk(own_home, "add", "bob"),
        tenk(own_home, "role", "ann", "reader"),
        tenk(own_home, "remove", "ann"),
        tenk(own_home, "password", "bob", "--password-stdin", told=f"{SECRET}\n"),
    ]

    assert [(one.returncode, one.stderr.count("\n")) for one in told] == [(1, 1)] * 6
    reasons = ("is taken", "8 to 1000", "Expected a terminal", "last admin", "last admin", "No us")
    assert all(said in one.stderr for said, one in zip(reasons, told, strict=True))
    assert held(own_home, "ann") == before and held(own_home, "bob") is None


def test_the_first_admin_takes_over_what_was_asked_before_anybody_signed_in(own_home: Path) -> None:
    database = open_database(f"sqlite:///{own_home / 'tenk.sqlite3'}")
    with transaction(database) as session:
        local = persons.local_admin(session).id
        for key, person in (("a", local), ("b", local), ("c", "cli")):
            save_thread(session, key, person=person)
            turn = Turn(
                thread=key,
                person=person,
                question="Net sales?",
                standalone="",
                answer="",
                model="m",
                role="teacher",
            )
            add_turn(session, turn, example=False)

    first = add(own_home, "ann", "reader")
    second = add(own_home, "bob", "reader")
    third = tenk(own_home, "role", "bob", "admin")
    fourth = add(own_home, "cleo", "admin")

    assert "see what was asked before anybody signed in" in first.stdout
    assert "conversations" not in second.stdout + fourth.stdout
    assert third.stdout.splitlines() == [
        "bob is admin from now on.",
        "The 2 conversations from before anybody signed in are bob's now.",
    ]
    bob = held(own_home, "bob")
    assert bob is not None
    with transaction(database) as session:
        assert {one.id for one in threads_of(session, bob.id, first=9)[0]} == {"a", "b"}
        assert [thread_owner(session, key) for key in "abc"] == [bob.id, bob.id, "cli"]
        assert rate(session, 1, 1, person=bob.id).rating == 1
        assert persons.local_conversations(session) == 0


def test_removing_the_last_user_says_that_nobody_has_to_sign_in_any_more(own_home: Path) -> None:
    add(own_home, "ann", "reader")
    add(own_home, "bob", "reader")

    told = [tenk(own_home, "remove", name).stdout for name in ("ann", "bob")]

    assert told[0] == "ann is let in no more.\n"
    assert "Nobody has to sign in any more" in told[1] and "is its admin" in told[1]


def test_an_unknown_role_is_wrong_usage(own_home: Path) -> None:
    assert add(own_home, "ann", "king").returncode == 2


# -- the rules


@pytest.fixture
def engine(tmp_path: Path) -> Generator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'tenk.sqlite3'}")
    yield engine
    engine.dispose()


def test_an_admin_can_go_where_another_one_stays(engine: Engine) -> None:
    with transaction(engine) as session:
        for name in ("ann", "bob"):
            persons.add_person(session, name, role="admin", password="hash")

        persons.set_role(session, "ann", "reader")
        with pytest.raises(DataError, match="bob is the last admin"):
            persons.remove_person(session, "bob")
        persons.remove_person(session, "ann")

        assert [one.name for one in persons.persons(session)] == ["bob"]


@pytest.mark.parametrize(
    "name",
    ["", "  ", "a\nb", "x" * 101, "local", "Tenk", "cli", "schedule", "verdict", "Verdict 3"],
)
def test_a_name_that_cannot_be_one_is_refused(engine: Engine, name: str) -> None:
    with transaction(engine) as session, pytest.raises(DataError):
        persons.add_person(session, name, role="reader", password="hash")


def test_the_local_admin_is_nobody_who_was_added(engine: Engine) -> None:
    with transaction(engine) as session:
        persons.local_admin(session)

        assert persons.persons(session) == [] and persons.admins(session) == []
        with pytest.raises(NotFound):
            persons.set_password(session, "local", "hash")


def test_what_an_older_tenk_left_to_nobody_is_told_and_given_to_the_first_admin(
    own_home: Path,
) -> None:
    engine = open_database(f"sqlite:///{own_home / 'tenk.sqlite3'}")
    with transaction(engine) as session:  # two admins, and a conversation of the time before them
        first = persons.add_person(session, "bob", role="admin", password="hash").id
        persons.add_person(session, "ann", role="admin", password="hash")
        save_thread(session, "t1", name="Sales", person=persons.LOCAL_ADMIN)

    told = tenk(own_home, "list")
    others = tenk(own_home, "role", "ann", "admin")
    given = tenk(own_home, "role", "bob", "admin")
    after = tenk(own_home, "list")

    with transaction(engine) as session:
        owner = thread_owner(session, "t1")
    engine.dispose()
    assert "Give them to the first admin: tenk users role bob admin" in told.stdout
    assert "conversation" not in others.stdout
    assert "The conversation from before anybody signed in is bob's now." in given.stdout
    assert "conversation" not in after.stdout
    assert owner == first


def test_capitals_and_spaces_around_a_name_do_not_keep_its_owner_out(engine: Engine) -> None:
    sign_in = SignIn(engine, "s" * 32)
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with transaction(engine) as session:
        persons.add_person(session, "Ann Émile", role="reader", password=quick.hash(SECRET))
        persons.add_person(session, "verdicts", role="reader", password=quick.hash("other"))

    found = [sign_in.with_password(name, SECRET) for name in ("ann émile ", " ANN ÉMILE")]

    assert [one.name if one else None for one in found] == ["Ann Émile"] * 2
    assert sign_in.with_password("ann", SECRET) is None
    assert sign_in.with_password("Verdicts", SECRET) is None


def test_a_role_counts_from_the_next_look_on_and_none_is_left_after_removal(
    engine: Engine,
) -> None:
    sign_in = SignIn(engine, "s" * 32)
    with transaction(engine) as session:
        persons.add_person(session, "ann", role="admin", password="hash")
        bob = persons.add_person(session, "bob", role="admin", password="hash").id

    roles = [sign_in.role(bob)]
    with transaction(engine) as session:
        persons.set_role(session, "bob", "reviewer")
    roles.append(sign_in.role(bob))
    with transaction(engine) as session:
        persons.remove_person(session, "bob")

    assert [*roles, sign_in.role(bob)] == ["admin", "reviewer", None]


# -- wrong passwords

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HERE, THERE = "192.0.2.1", "192.0.2.2"


def tried(engine: Engine, name: str, address: str, after: float = 0) -> float:
    with transaction(engine) as session:
        return persons.begin_sign_in(session, name, address, NOON + timedelta(seconds=after))


def wrong(engine: Engine, times: int, name: str = "ann", address: str = HERE) -> None:
    assert [tried(engine, name, address) for _ in range(times)] == [0.0] * times


def test_five_wrong_passwords_are_free_and_each_further_one_makes_the_pause_longer(
    engine: Engine,
) -> None:
    wrong(engine, 5)

    waits: list[float] = []
    at = 0.0
    for _ in range(12):
        waits.append(tried(engine, "ann", HERE, at))
        at += waits[-1]
        assert tried(engine, "ann", HERE, at) == 0

    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


def test_a_pause_is_for_a_name_at_an_address_and_holds_in_another_process(
    engine: Engine, tmp_path: Path
) -> None:
    wrong(engine, 5)
    other = open_database(f"sqlite:///{tmp_path / 'tenk.sqlite3'}")

    waits = [tried(other, "ann", HERE), tried(other, "ann", THERE), tried(other, "bob", HERE)]
    other.dispose()

    assert waits == [2, 0, 0]


def test_trying_within_a_pause_does_not_make_it_longer(engine: Engine) -> None:
    wrong(engine, 5)

    waits = [tried(engine, "ann", HERE, after) for after in (0, 1, 1.5, 2)]

    assert waits == [2, 1, 0.5, 0]


def test_the_right_password_ends_the_count(engine: Engine) -> None:
    wrong(engine, 5)
    with transaction(engine) as session:
        persons.end_sign_in(session, "ann", HERE)

    wrong(engine, 5)
    assert tried(engine, "ann", HERE) == 2


def test_many_names_from_one_address_and_many_addresses_for_one_name_are_slowed_too(
    engine: Engine,
) -> None:
    for number in range(20):
        assert tried(engine, f"name {number}", HERE) == 0
        assert tried(engine, "ann", f"198.51.100.{number}") == 0

    assert tried(engine, "another", HERE) == 2
    assert tried(engine, "ann", THERE) == 2


def test_an_own_right_password_does_not_wipe_out_what_was_guessed_from_the_address(
    engine: Engine,
) -> None:
    for number in range(19):
        tried(engine, f"name {number}", HERE)
    tried(engine, "eve", HERE)
    with transaction(engine) as session:
        persons.end_sign_in(session, "eve", HERE)

    assert (tried(engine, "a", HERE), tried(engine, "b", HERE)) == (0, 2)


def test_a_name_in_other_capitals_or_with_spaces_is_the_same_one_to_who_guesses(
    engine: Engine,
) -> None:
    for typed in ("ann", "Ann", " ann", "ANN ", "aNN"):
        assert tried(engine, typed, HERE) == 0

    assert tried(engine, "ann", HERE) == 2


def test_after_an_hour_all_is_forgotten_and_no_name_was_written_down(engine: Engine) -> None:
    wrong(engine, 5)
    with transaction(engine) as session:
        rows = session.exec(select(WrongPassword)).all()
        assert not any("ann" in row.subject or HERE in row.subject for row in rows)

    assert tried(engine, "ann", HERE, 3601) == 0
