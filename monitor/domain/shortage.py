"""What this process itself lacks: an error that says so is no fault of the platform."""

from __future__ import annotations

import errno
import os

OWN_SHORTAGE = "own_shortage"  # the reason of a gap: `got` is what we ourselves lack
_BEHIND_MAX = 10
_DESCRIPTORS, _MEMORY, _THREADS = "file descriptors", "memory", "threads"
_LACKS = {
    errno.EMFILE: _DESCRIPTORS,
    errno.ENFILE: "file descriptors of the machine",
    errno.ENOMEM: _MEMORY,
}
_SAID = {
    **{os.strerror(number): lack for number, lack in _LACKS.items()},
    "can't start new thread": _THREADS,
    "out of memory": _MEMORY,
}
_CANNOT_OPEN = "unable to open database file"  # SQLite does not say why


def own_shortage(error: BaseException | None) -> str:
    """What this process lacks, if the error or one behind it says so; "" if none does."""
    for _ in range(_BEHIND_MAX):
        if error is None:
            return ""
        if lack := _lack(error):
            return lack
        error = getattr(error, "orig", None) or error.__cause__ or error.__context__
    return ""


def _lack(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return _MEMORY
    text = str(error)
    known = _LACKS.get(getattr(error, "errno", None) or 0, "")
    said = known or next((lack for words, lack in _SAID.items() if words in text), "")
    return said or (_descriptors_lacking() if _CANNOT_OPEN in text else "")


def _descriptors_lacking() -> str:
    """Whether not even this can be opened."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return _LACKS.get(error.errno or 0, "")
    return ""
