"""What can go wrong, and who can act on it.

TenkError                 known, said in one sentence, never a traceback
  ConfigurationError      the operator must change a setting
  DataError               the input or the records do not allow this step
    BadFile               a file that cannot be ingested
    NotFound              no row with that id
    NotYours              a row that belongs to somebody else
  ProviderError           the outside world refused; safe to try again later
    JobGone               a fine-tuning job that its server no longer knows
    ModelGone             the model is unknown there, or was shut down
    Stopped               a person or a time limit ended the call
    LockLost              what kept other processes away is gone: one of them may go on
    Busy                  a rate limit or a credit is used up: nothing is wrong with the model

A message says what was expected, what was found and what to do next.
"""


class TenkError(Exception):
    """The root of every failure that tenk foresees."""


class ConfigurationError(TenkError):
    """The operator must change a setting."""


class DataError(TenkError):
    """The input or the records do not allow this step."""


class BadFile(DataError):
    """A file that cannot be ingested; the message is the one-line reason."""


class NotFound(DataError):
    """No row of that kind has that id."""

    def __init__(self, kind: str, key: object, see: str) -> None:
        super().__init__(f"No {kind} {key}. Expected one that `{see}` lists.")


class NotYours(DataError):
    """A row that belongs to another person's thread."""

    def __init__(self, kind: str, key: object) -> None:
        super().__init__(f"The {kind} {key} belongs to another person's thread; nothing changed.")


class ProviderError(TenkError):
    """The outside world refused; trying again later may help."""


class JobGone(ProviderError):
    """A fine-tuning job that its server no longer knows."""


class ModelGone(ProviderError):
    """The model is unknown to its provider, or was shut down."""


class Stopped(ProviderError):
    """The call was ended before its answer was whole."""


class Busy(ProviderError):
    """A rate limit is reached or the credit is used up; nothing is wrong with the model."""


class LockLost(ProviderError):
    """A lock was lost while its work was under way; somebody goes on with it."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"What keeps other processes from the {name} is gone: the database cut the connection, "
            "or the lock's file was deleted."
        )
