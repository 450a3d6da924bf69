from dataclasses import replace
from pathlib import Path

import pytest

from matcher.collection import Collection
from matcher.embed import StaticEncoder
from matcher.errors import ConflictError, InputError
from matcher.finetune import finetune


def test_a_worse_encoder_is_not_written(
    tmp_path: Path, sample: Collection, encoder: StaticEncoder
) -> None:
    out = tmp_path / "model"
    outcome = finetune(sample, encoder, out, passes=3, learning_rate=5.0)
    assert not outcome.published
    assert not out.exists()
    assert outcome.after["dense"] < outcome.before["dense"]
    assert outcome.measured_on >= 10


def test_a_better_one_is_written_and_loads(
    tmp_path: Path, sample: Collection, encoder: StaticEncoder
) -> None:
    out = tmp_path / "model"
    outcome = finetune(sample, encoder, out, passes=10)
    better = all(outcome.after[s] >= outcome.before[s] for s in outcome.before)
    assert outcome.published == out.exists() == (better and outcome.after != outcome.before)
    if outcome.published:
        made = StaticEncoder(out)
        assert made.fingerprint != encoder.fingerprint
        assert (made.frequency == encoder.frequency).all()


def test_what_exists_is_left_alone_and_too_little_is_refused(
    tmp_path: Path, sample: Collection, encoder: StaticEncoder
) -> None:
    with pytest.raises(ConflictError):
        finetune(sample, encoder, tmp_path)
    few = replace(sample, needs=sample.needs[:5])
    with pytest.raises(InputError, match="at least"):
        finetune(few, encoder, tmp_path / "model")
