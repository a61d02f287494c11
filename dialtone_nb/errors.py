"""Everything that can go wrong, as one family; each member knows the exit code of `python -m dialtone_nb run`.

DialtoneError                 1  anything else
├── InputError                5  what a person wrote is wrong; all its faults, each with place and repair
│   ├── ParametersError          a file in parameters/, or a runbook's parameters
│   ├── DialplanError            the dial plan can't be compiled
│   └── CredentialsError         the account's credentials are missing or refused
│       └── PermissionMissingError  a restricted API key may not do this
├── ConsentError              3  the consent that was given does not fit the plan
│   └── StalePlanError           what is there is no longer what the plan was made of
├── HeldError                 3  somebody else is applying to this environment
├── ApplyError                4  stopped part of the way; running again resumes
├── FailedError               1  Twilio took a request and then could not carry it out, such as a build
├── TwilioError               1  Twilio refused a request; nothing came of it
│   └── AbsentError              a 404: the thing is not there
└── UnknownOutcomeError       1  no answer came: it may have happened or not
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dialtone_nb.values.printable import printable, printable_lines

# What a full disk answers, or a folder that is somebody else's; any other error of the system is a defect of ours.
UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO})
_ELSEWHERE = "make room or give yourself the right, or name another folder (run --output, rehearsal --state)"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a person wrote wrongly: where, what, and how to put it right."""

    place: str
    problem: str
    repair: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}" + (f"; {self.repair}" if self.repair else "")


class DialtoneError(Exception):
    """Something went wrong that one line can tell."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        # Parts of the message come from others: the holder of a claim, a file's content, a server's answer.
        super().__init__(printable_lines(message))

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows in place of a traceback."""
        return [f"{type(self).__name__}: {line}" if not i else f"  {line}" for i, line in enumerate(self.lines())]

    def lines(self) -> list[str]:
        """The message, a line per fault."""
        return str(self).splitlines()


class InputError(DialtoneError):
    """What a person wrote is wrong; `faults` has all of it."""

    exit_code = 5

    def __init__(self, faults: Fault | Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


def disk_error(error: BaseException | None) -> InputError | None:
    """What the disk refused, wherever it came up, as bad input: another folder may do; None for any other error."""
    if not isinstance(error, OSError) or error.errno not in UNWRITABLE:
        return None
    place = printable(str(error.filename)) if error.filename else "the disk"
    return InputError(Fault(place, os.strerror(error.errno), _ELSEWHERE))


class ParametersError(InputError):
    """A file in parameters/, or a parameter of a runbook, is wrong."""


class DialplanError(InputError):
    """The dial plan can't be compiled."""


class CredentialsError(InputError):
    """The account's credentials are missing or refused."""


class PermissionMissingError(CredentialsError):
    """A restricted API key may not do what was asked; `permission` is the one that it lacks, empty where none is."""

    def __init__(self, permission: str, what: str) -> None:
        self.permission, self.what = permission, what
        lacks = f"has no permission {permission}" if permission else "can't be given this by any permission"
        repair = "make one with the protect runbook" if permission else "use a standard key, or the auth token"
        super().__init__(Fault("TWILIO_API_KEY", f"is a restricted key that {lacks} ({what})", repair))


class ConsentError(DialtoneError):
    """The consent that was given does not fit the plan; nothing was done."""

    exit_code = 3


class StalePlanError(ConsentError):
    """What is there is no longer what the plan was made of; nothing was done."""


class HeldError(DialtoneError):
    """Somebody else is applying to this environment; nothing was done."""

    exit_code = 3

    def __init__(self, message: str, *, holder: str, until: str) -> None:
        super().__init__(message)
        self.holder = holder
        self.until = until


class ApplyError(DialtoneError):
    """An apply stopped part of the way; `outcomes` says what was done and what was not."""

    exit_code = 4

    def __init__(self, message: str, outcomes: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.outcomes = tuple(outcomes)


class FailedError(DialtoneError):
    """Twilio took a request and then could not carry it out."""


class TwilioError(DialtoneError):
    """Twilio refused a request: its status, code, message and request id, and what was asked."""

    def __init__(
        self, message: str, *, status: int, code: int | None, method: str, path: str, request_id: str = ""
    ) -> None:
        self.status = status
        self.code = code
        self.method = method
        self.path = path
        self.request_id = request_id
        self.message = message
        number = f"error {code}" if code else f"HTTP {status}"
        trace = f", request {request_id}" if request_id else ""
        told = f"Twilio answered {method} {path} with {number}: {message} (HTTP {status}{trace})"
        # Without an answer there is no status to tell.
        super().__init__(told if status else f"{method} {path}: {message}")


class AbsentError(TwilioError):
    """A 404: the thing is not there."""


class UnknownOutcomeError(DialtoneError):
    """No answer came to a request: it may have been carried out or not."""

    def __init__(self, message: str, *, method: str, path: str) -> None:
        super().__init__(message)
        self.method = method
        self.path = path
