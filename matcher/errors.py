"""The errors Samspill raises on purpose.

    SamspillError                 500  anything below
    ├── InputError                400  what was given cannot be used
    │   └── SettingsError         500  a setting cannot be used
    ├── UnauthenticatedError      401  nobody is signed in
    ├── ForbiddenError            403  this account may not do that
    ├── NotFoundError             404  no record, generation or file of that name
    ├── ConflictError             409  the request does not fit the present state
    │   └── LockedError           409  another job is at work
    ├── TooManyError              429  too many requests
    ├── BuildError                500  a generation that was built did not pass its checks
    ├── BackupError               500  a backup cannot be made or restored
    └── UnavailableError          503  the service cannot answer now
        ├── NotInitialisedError   503  no store yet
        ├── NoGenerationError     503  nothing is indexed yet
        ├── DamagedIndexError     503  a file of the index is not as it was written
        └── StaleIndexError       503  the index was made by another encoder or text pipeline

The HTTP status stands on the class. A message names the values involved and what to do.
"""

from __future__ import annotations


class SamspillError(Exception):
    """Base of all errors Samspill raises on purpose."""

    status = 500
    title = "Something went wrong"


class InputError(SamspillError):
    """What was given cannot be used."""

    status = 400
    title = "The input cannot be used"


class SettingsError(InputError):
    """A setting cannot be used."""

    status = 500
    title = "A setting cannot be used"


class UnauthenticatedError(SamspillError):
    """Nobody is signed in, or the credentials are wrong."""

    status = 401
    title = "Not signed in"


class ForbiddenError(SamspillError):
    """This account may not do that."""

    status = 403
    title = "Not allowed"


class NotFoundError(SamspillError):
    """There is no such thing."""

    status = 404
    title = "Not found"


class ConflictError(SamspillError):
    """The request does not fit the present state."""

    status = 409
    title = "Conflict with the present state"


class LockedError(ConflictError):
    """Another job holds the lock."""

    title = "Another job is at work"


class TooManyError(SamspillError):
    """Too many requests in too short a time."""

    status = 429
    title = "Too many requests"


class BuildError(SamspillError):
    """A generation that was built did not pass its checks."""

    title = "The new index did not pass its checks"


class BackupError(SamspillError):
    """A backup cannot be made or restored."""

    title = "The backup cannot be made or restored"


class UnavailableError(SamspillError):
    """The service cannot answer now."""

    status = 503
    title = "Not available now"


class NotInitialisedError(UnavailableError):
    """The store does not exist or has another schema."""

    title = "The store is not set up"


class NoGenerationError(UnavailableError):
    """Nothing is indexed yet."""

    title = "Nothing is indexed yet"


class DamagedIndexError(UnavailableError):
    """A file of the index is not as it was written."""

    title = "The index is damaged"


class StaleIndexError(UnavailableError):
    """The index was made by another encoder or text pipeline."""

    title = "The index is stale"
