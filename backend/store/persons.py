"""Persons: who may sign in, and as what; wrong passwords, counted for all processes together.

It alone knows that one admin always remains, and how long somebody who guesses has to wait.
"""

import re
import shlex
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import uuid4

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, func, select, update

from backend.errors import DataError, NotFound
from backend.records import Person, Thread, Turn, WrongPassword, in_utc, now

LOCAL_ADMIN = "local"
ROLES = ("reader", "reviewer", "admin")
LONGEST_NAME = 100
RESERVED = re.compile(r"local|cli|tenk|schedule|verdict\b.*", re.IGNORECASE)
"""What the record calls those who are no user: they would be taken for one another."""


def person(session: Session, key: str) -> Person | None:
    """The person with this id."""
    return session.get(Person, key)


def person_named(session: Session, name: str) -> Person | None:
    """The person who signs in under this name."""
    return session.exec(select(Person).where(Person.name == name)).first()


def person_who_typed(session: Session, name: str) -> Person | None:
    """The person who means themself by what they typed: capitals and spaces around it do not
    count, for phones put them there, and no two users differ in them alone."""
    if (exactly := person_named(session, name)) is not None:
        return exactly
    return next((one for one in persons(session) if _same_name(one.name, name)), None)


def _same_name(one: str, other: str) -> bool:
    return _bare(one) == _bare(other)


def _bare(name: str) -> str:
    return name.strip().casefold()


def persons(session: Session) -> list[Person]:
    """Everybody who was added, by name; not the local admin of a chat without sign-in."""
    found = select(Person).where(Person.id != LOCAL_ADMIN).order_by(col(Person.name))
    return list(session.exec(found))


def sign_in_required(session: Session) -> bool:
    """Whether somebody can sign in with a password; from then on everybody must."""
    found = select(Person.id).where(col(Person.password).is_not(None)).limit(1)
    return session.exec(found).first() is not None


def local_admin(session: Session) -> Person:
    """The one person of a chat without sign-in, made on first use."""
    row = session.get(Person, LOCAL_ADMIN)
    if row is None:
        row = Person(id=LOCAL_ADMIN, name=LOCAL_ADMIN, role="admin")
        session.add(row)
        session.flush()
    return row


# -- changing who may come in


def add_person(session: Session, name: str, *, role: str, password: str) -> Person:
    """Add somebody; `password` is its hash. Raises DataError."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise DataError(
            f"Expected a name of 1 to {LONGEST_NAME} printable characters, found {name!r}."
        )
    if RESERVED.fullmatch(name):
        raise DataError(f"The name {name} is one that tenk uses itself. Choose another one.")
    _require_role(role)
    for other in [one.name for one in persons(session)]:
        if _same_name(other, name):
            raise DataError(
                f"The name {other} is taken. Choose another one, or change the password: "
                f"tenk users password {shlex.quote(other)}"
            )
    row = Person(id=uuid4().hex, name=name, role=role, password=password)
    session.add(row)
    session.flush()
    return row


def set_role(session: Session, name: str, role: str) -> Person:
    """Make somebody reader, reviewer or admin. Raises NotFound, DataError."""
    _require_role(role)
    row = _added(session, name)
    if role != "admin":
        _require_another_admin(session, row, "made another")
    row.role = role
    session.add(row)
    return row


def set_password(session: Session, name: str, password: str) -> Person:
    """Give somebody another password, by its hash. Raises NotFound."""
    row = _added(session, name)
    row.password = password
    session.add(row)
    return row


def remove_person(session: Session, name: str) -> Person:
    """Let somebody in no more; what they asked stays in the log. Raises NotFound, DataError."""
    row = _added(session, name)
    _require_another_admin(session, row, "removed")
    session.delete(row)
    return row


def take_over(session: Session, row: Person) -> int:
    """Give the first admin what the local admin asked before anybody signed in.

    Returns how many conversations; none where another one is the first, or has them already.
    """
    if [one.id for one in admins(session)][:1] != [row.id]:
        return 0
    found = local_conversations(session)
    for table in (Turn, Thread):  # turns too: nobody else may rate them
        session.exec(update(table).where(col(table.person) == LOCAL_ADMIN).values(person=row.id))
    return found


def local_conversations(session: Session) -> int:
    """How many conversations are of the time before anybody signed in."""
    return session.exec(select(func.count()).where(Thread.person == LOCAL_ADMIN)).one()


def admins(session: Session) -> list[Person]:
    """The admins who can sign in, the first first."""
    found = select(Person).where(Person.role == "admin", col(Person.password).is_not(None))
    return list(session.exec(found.order_by(col(Person.created_at), col(Person.id))))


def _added(session: Session, name: str) -> Person:
    row = person_named(session, name)
    if row is None or row.id == LOCAL_ADMIN:
        raise NotFound("user", name, "tenk users list")
    return row


def _require_role(role: str) -> None:
    if role not in ROLES:
        raise DataError(f"Expected a role of {', '.join(ROLES)}, found {role!r}.")


def _require_another_admin(session: Session, row: Person, done: str) -> None:
    """Without an admin nobody could promote, roll back or end a cycle from the chat."""
    if [one.id for one in admins(session)] == [row.id]:
        raise DataError(
            f"{row.name} is the last admin and cannot be {done}. Make another one first: "
            "tenk users add NAME --role admin"
        )


# -- wrong passwords


@dataclass(frozen=True, slots=True)
class Patience:
    """How many wrong passwords are free, and the longest pause after more of them, in seconds."""

    free: int
    longest: float

    def pause(self, wrong: int) -> float:
        """Seconds to wait after so many wrong ones: none at first, then each time twice as long."""
        return (
            0.0 if wrong < self.free else min(self.longest, 2.0 ** min(wrong - self.free + 1, 30))
        )


OF_BOTH = Patience(5, 900)
"""With one name from one address."""
OF_NAME = Patience(20, 60)
"""With one name from anywhere: short, or a stranger could keep its owner out."""
OF_ADDRESS = Patience(20, 900)
"""From one address with any names: more are free, as many people may share it."""
FORGOTTEN = timedelta(hours=1)


def begin_sign_in(session: Session, name: str, address: str, at: datetime | None = None) -> float:
    """Seconds to wait before a password may be tried; 0: try it.

    A try counts as wrong until `end_sign_in` says otherwise, so that many at once gain nothing.
    """
    at = at or now()
    # First of all, since it takes SQLite's write lock: who comes together is counted in turn.
    session.exec(delete(WrongPassword).where(col(WrongPassword.at) < at - FORGOTTEN))
    told = _subjects(name, address)
    rows = {key: _counted(session, key, at) for key in told}
    wait = max(
        told[key].pause(row.wrong) - max(0.0, (at - in_utc(row.at)).total_seconds())
        for key, row in rows.items()
    )
    if wait > 0:
        return wait
    for row in rows.values():
        row.wrong, row.at = row.wrong + 1, at
        session.add(row)
    return 0.0


def end_sign_in(session: Session, name: str, address: str) -> None:
    """The password was right: only what others did from the same address still counts."""
    both, of_name, of_address = _subjects(name, address)
    session.exec(delete(WrongPassword).where(col(WrongPassword.subject).in_((both, of_name))))
    if (row := session.get(WrongPassword, of_address)) is not None:
        row.wrong = max(0, row.wrong - 1)
        session.add(row)


def _subjects(name: str, address: str) -> dict[str, Patience]:
    name = _bare(name)
    # Hashed: people type their password where the name belongs.
    named = {f"both {name}\n{address}": OF_BOTH, f"name {name}": OF_NAME}
    every = {**named, f"address {address}": OF_ADDRESS}
    return {sha256(told.encode()).hexdigest(): patience for told, patience in every.items()}


def _counted(session: Session, subject: str, at: datetime) -> WrongPassword:
    """The row of a subject, locked where the database locks rows."""
    found = select(WrongPassword).where(WrongPassword.subject == subject).with_for_update()
    row = session.exec(found).first()
    if row is not None:
        return row
    try:
        with session.begin_nested():
            row = WrongPassword(subject=subject, at=at)
            session.add(row)
    except IntegrityError:  # somebody else began in the same moment
        return session.exec(found).one()
    return row
