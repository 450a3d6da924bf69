"""Runs a parser of foreign files in a process of its own, with limits on time and memory.

Parsers of PDF, DOCX and HTML are where crafted files do harm: endless loops, gigabytes out of
kilobytes, crashes. In a process with limits they cost seconds and one refused file.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

SECONDS = 20
"""Of processor time, and twice that of wall time."""
MEMORY = 1_500_000_000
"""Bytes of address space."""
OUTPUT = 5_000_000
"""Bytes a parser may give back."""


class SandboxError(Exception):
    """The parser failed, or was stopped at a limit; the message says which."""


def run_parser(kind: str, path: Path, seconds: int = SECONDS) -> list[dict[str, Any]]:
    """Parse a file in a process of its own.

    Args:
        kind: ``pdf``, ``docx`` or ``html``.
        path: The file; the process gets its bytes on standard input and no other file's name.
        seconds: Processor time it may take.

    Returns:
        Sections as ``{"title", "text"}``, in order.

    Raises:
        SandboxError: It cannot be parsed, or not within the limits.
        OSError: The file cannot be opened.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    # Nothing of this process's environment: no keys, no proxies, one thread.
    environment = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "OMP_NUM_THREADS": "1",
        "LANG": "C.UTF-8",
    }
    command = [sys.executable, "-m", "matcher.sources.parsers", kind]
    with path.open("rb") as stream:
        try:
            done = subprocess.run(  # noqa: S603
                command,
                stdin=stream,
                capture_output=True,
                timeout=2 * seconds,
                check=False,
                preexec_fn=limit,
                env=environment,
            )
        except subprocess.TimeoutExpired as error:
            raise SandboxError(f"not parsed within {2 * seconds} seconds") from error
    if done.returncode < 0:
        raise SandboxError(f"stopped: more than {seconds} seconds of processor time, or a crash")
    if len(done.stdout) > OUTPUT:
        raise SandboxError(f"more than {OUTPUT:,} bytes of text")
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        raise SandboxError("the parser broke off, probably at its limit of memory") from error
    if "error" in answer:
        raise SandboxError(str(answer["error"]))
    return [s for s in answer["sections"] if isinstance(s, dict)]
