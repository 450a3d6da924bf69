"""Train the bundled encoder from parallel text.

    python scripts/train_encoder.py --corpora ~/corpora --output matcher/model

Takes some minutes on two cores. A run that was cut off goes on where it stopped (same --work
folder); every run appends its figures to LOG.jsonl there.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from matcher.training.recipe import Recipe, run

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--config", type=Path, default=ROOT / "scripts" / "encoder.toml")
    parser.add_argument(
        "--corpora", type=Path, nargs="+", required=True, help="folders of parallel files"
    )
    parser.add_argument("--teacher", help="name or path, in place of the configured one")
    parser.add_argument("--output", type=Path, required=True, help="folder of the model to write")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "encoder")
    parser.add_argument("--labels", type=Path, help="development CPV labels, for the card")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)

    def log(event: str, figures: dict[str, Any]) -> None:
        line = json.dumps({"time": time.strftime("%FT%T"), "event": event, **figures})
        with (arguments.work / "LOG.jsonl").open("a", encoding="utf-8") as out:
            out.write(line + "\n")
        if event != "train":
            print(line, flush=True)

    folders = [ROOT / "data" / "glossary", *arguments.corpora]
    recipe = Recipe.read(arguments.config, folders, arguments.teacher)
    run(recipe, arguments.output, arguments.work, log, arguments.labels)


if __name__ == "__main__":
    main()
