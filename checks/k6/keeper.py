"""Runs one command and ends it when the process that asked for it is gone, however it went.

Started as a program of its own: `python k6_keeper.py FOLDER COMMAND…`. Its standard input is a
pipe that only its parent holds: the end of that pipe, also after a SIGKILL, means stop. It
ends the command, softly first, and removes FOLDER if nobody is left to do so: a parent that asks
for the end writes a byte first, a killed one cannot.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading

UNSTARTABLE = 126
STOP_SECONDS = 3.0
_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Run the command to its end; its exit code, 128 + n after signal n, 126 if it cannot run."""
    folder, *command = arguments
    parent = os.getppid()
    try:
        # This process has one thread so far: only that makes code between fork and exec safe,
        # and a death signal, which follows the thread that forked, mean what it should.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_us)  # noqa: PLW1509, S603
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return UNSTARTABLE
    deserted = threading.Event()
    threading.Thread(target=_watch, args=(child, deserted), daemon=True).start()
    code = child.wait()
    # Pipes are closed before children get another parent, so either may be seen first.
    if deserted.is_set() or os.getppid() != parent:
        shutil.rmtree(folder, ignore_errors=True)
    return code if code >= 0 else 128 - code


def _die_with_us() -> None:
    """Where there is no such call (it is Linux's), the pipe alone must do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _watch(child: subprocess.Popen[bytes], deserted: threading.Event) -> None:
    if not os.read(0, 1):
        deserted.set()
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
