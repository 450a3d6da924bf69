"""The nightly job: named steps in a row, each recorded, none stopped by the failure of another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matcher.errors import SamspillError
from matcher.reindex import lock
from matcher.store import Store
from matcher.store.runs import DONE, FAILED, Run, RunLog

JOB = "nightly"


@dataclass(frozen=True)
class Step:
    """One step of the night.

    Attributes:
        name: For people and the run record.
        run: Does it and says in a few words what came of it; raises what goes wrong.
    """

    name: str
    run: Callable[[], str]


def run_nightly(
    store: Store,
    data_dir: Path,
    steps: Sequence[Step],
    say: Callable[[str], None] = lambda _: None,
) -> Run:
    """Run the steps one after another and record what came of each.

    Later steps run even if one fails: what could not be imported must not keep the index from
    being rebuilt, nor that the store from being backed up.

    Args:
        store: Takes the run record.
        data_dir: Holds the lock.
        steps: In their order.
        say: Told of each step's outcome.

    Raises:
        LockedError: Another night is still at work.
    """
    with lock(data_dir / f"{JOB}.lock", store):
        log = RunLog(store, JOB)
        outcomes: dict[str, str] = {}
        failed: list[str] = []
        for step in steps:
            try:
                outcomes[step.name] = step.run()
            except (SamspillError, OSError) as error:
                outcomes[step.name] = f"failed: {error}"
                failed.append(step.name)
            except BaseException as error:
                log.end(FAILED, counts=outcomes, error=f"{step.name}: {error!r}")
                raise
            say(f"{step.name}: {outcomes[step.name]}")
        problems = "; ".join(f"{name}: {outcomes[name]}" for name in failed)
        return log.end(FAILED if failed else DONE, counts=outcomes, error=problems)
