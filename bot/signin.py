"""Who may come in, and as what: a name and a password, or a cookie's claims, in; a person out.

Until somebody has a password the chat has one local admin and no sign-in, and may only listen on
the loopback address. It alone knows what a cookie must say to be believed.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from backend.errors import ConfigurationError
from backend.store import persons
from backend.store.database import transaction

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from backend.records import Person

LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Verified where the name is unknown, so that the time taken does not tell which names exist.
NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA"
    "$4n6u/EYPLXmZzGDJyuJHE8kTxkyTdfPxwIvJTwzQkSs"
)


@dataclass(frozen=True)
class SignIn:
    """Decides who somebody is, from the persons in the database."""

    engine: Engine
    secret: str

    def required(self) -> bool:
        """Whether a password is asked for."""
        with transaction(self.engine) as session:
            return persons.sign_in_required(session)

    def local(self) -> Person | None:
        """The local admin, while nobody has a password."""
        with transaction(self.engine) as session:
            if persons.sign_in_required(session):
                return None
            return persons.local_admin(session)

    def with_password(self, name: str, password: str) -> Person | None:
        """The person with this name and password."""
        with transaction(self.engine) as session:
            person = persons.person_who_typed(session, name)
        held = person.password if person is not None and person.password else NOBODY
        try:
            PasswordHasher().verify(held, password)
        except (VerificationError, InvalidHashError):
            return None
        return person if held is not NOBODY else None

    def begin(self, name: str, address: str) -> float:
        """Seconds until a password may be tried again; 0: now, and it counts as wrong so far."""
        with transaction(self.engine) as session:
            return persons.begin_sign_in(session, name, address)

    def end(self, name: str, address: str) -> None:
        """The password was right."""
        with transaction(self.engine) as session:
            persons.end_sign_in(session, name, address)

    def role(self, person: str) -> str | None:
        """What somebody who came in may do now, as the database knows it; None: nothing."""
        with transaction(self.engine) as session:
            row = persons.person(session, person)
            if row is None or persons.sign_in_required(session) != (row.password is not None):
                return None
            return row.role

    def of_cookie(self, token: str) -> Person | None:
        """Whom a cookie stands for: somebody who still exists, with the password still theirs."""
        try:
            claims: dict[str, Any] = jwt.decode(token, self.secret, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            return None
        metadata = claims.get("metadata")
        stamped = str(metadata.get("stamp", "")) if isinstance(metadata, Mapping) else ""
        with transaction(self.engine) as session:
            person = persons.person_named(session, str(claims.get("identifier", "")))
            locked = persons.sign_in_required(session)
        if person is None or locked == (person.password is None):
            return None
        return person if hmac.compare_digest(stamped, stamp(person)) else None

    def still(self, person: str, token: str | None) -> bool:
        """Whether a person may go on whose page was opened with this cookie."""
        found = self.of_cookie(token or "")
        return found is not None and found.id == person


def stamp(person: Person) -> str:
    """Changes with the password, so that cookies from before a change are worth nothing."""
    return sha256((person.password or person.id).encode()).hexdigest()[:16]


def reaches_others(address: str) -> bool:
    """Whether a numeric address that is listened on can be reached from another machine."""
    return not ip_address(address.partition("%")[0]).is_loopback


def refuse_open_chat(address: str, *, sign_in: bool) -> None:
    """Raise ConfigurationError where anybody on the network could come in as the admin."""
    if reaches_others(address) and not sign_in:
        raise ConfigurationError(
            f"{address} can be reached by others, and nobody has to sign in. Add a user with a "
            "password first: tenk users add NAME --role admin; or listen on 127.0.0.1."
        )
