from pathlib import Path

import numpy as np
import pytest

from matcher.errors import InputError, SettingsError
from matcher.evaluate import interval, paired_test
from matcher.fusion import SIGNALS, Band, Fusion
from matcher.tune import Judged, tune


def test_what_ships_is_whole() -> None:
    fusion = Fusion.read()
    assert set(fusion.weights) == set(SIGNALS)
    assert all(w >= 0 for w in fusion.weights.values())
    assert set(fusion.precision) == {b.value for b in Band}
    assert 0 < fusion.possible < fusion.strong < 1
    assert fusion.score_slope > 0


def test_a_score_is_the_weighted_sum_of_its_signals() -> None:
    fusion = Fusion.read()
    signals = {s: np.array([1.0, 2.0], dtype=np.float32) for s in SIGNALS}
    total = sum(fusion.weights.values())
    assert fusion.score(signals).tolist() == pytest.approx([total, 2 * total])
    assert fusion.without(SIGNALS).score(signals).tolist() == [0, 0]


def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fusion.json"
    path.write_text('{"weights": 1}')
    with pytest.raises(SettingsError, match=r"fusion\.json"):
        Fusion.serving(path)
    Fusion.read().write(path)
    assert Fusion.serving(path) == Fusion.read() == Fusion.serving(tmp_path / "none")


def _judged(needs: int, informative: int, seed: int = 0) -> Judged:
    """Pairs of which one signal tells, and the others are noise."""
    random = np.random.default_rng(seed)
    per_need = 40
    group = np.repeat(np.arange(needs), per_need)
    worth = np.tile(np.arange(per_need) < 4, needs)
    signals = random.normal(size=(len(group), len(SIGNALS)))
    signals[worth, informative] += 4
    return Judged(
        [f"n{g}" for g in group],
        [f"s{n}" for n in range(len(group))],
        group,
        signals,
        random.uniform(0, 0.2, len(group)),
        np.where(worth, 3, 0),
    )


def test_weights_follow_the_signal_that_tells() -> None:
    prior = Fusion.read()
    found = tune(_judged(40, SIGNALS.index("lexical")), prior, "made up")
    assert found.better
    assert found.after > found.before + 0.05
    assert found.p < 0.01
    assert found.fusion.weights["lexical"] > prior.weights["lexical"]
    assert found.fusion.source == "made up"
    for _, stated, observed in found.bands.values():
        assert abs(stated - observed) < 0.1


def test_needs_without_an_answer_are_told_from_others() -> None:
    judged = _judged(40, SIGNALS.index("covered"))
    empty = judged.group < 10
    signals = judged.signals.copy()
    signals[empty] = np.random.default_rng(1).normal(size=(empty.sum(), len(SIGNALS)))
    grades = np.where(empty, 0, judged.grades)
    made = Judged(judged.needs, judged.suppliers, judged.group, signals, judged.covered, grades)
    truly, _, both = tune(made, Fusion.read(), "made up").unanswered
    assert truly == 10
    assert both >= 8


def test_too_few_judgements_are_refused() -> None:
    with pytest.raises(InputError, match="5 judged needs"):
        tune(_judged(5, 0), Fusion.read(), "")


def test_paired_tests_see_a_difference_and_no_more() -> None:
    random = np.random.default_rng(3)
    one = {f"n{i}": float(v) for i, v in enumerate(random.uniform(0, 1, 60))}
    better = {n: v + 0.1 for n, v in one.items()}
    shuffled = {n: v + float(random.normal(0, 0.1)) for n, v in one.items()}
    assert paired_test(one, better) == (0.1, pytest.approx(0.0001, abs=1e-4))
    assert paired_test(one, one)[1] == 1
    assert paired_test(one, shuffled)[1] > 0.01
    with pytest.raises(InputError):
        paired_test(one, {"x": 1.0})
    low, high = interval(np.array(list(one.values())))
    assert low < np.mean(list(one.values())) < high
