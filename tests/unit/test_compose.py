import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.compose import COVERAGE_SHARE, Candidate, Reason, compose, coverage, draw
from matcher.errors import InputError


def _candidate(name: str, worth: float, covers: tuple[float, ...], *groups: str) -> Candidate:
    return Candidate(name, worth, covers, frozenset(groups))


POOL = [
    _candidate("a", 0.9, (1.0, 0.0, 0.0)),
    _candidate("b", 0.89, (0.95, 0.0, 0.0)),
    _candidate("c", 0.5, (0.0, 1.0, 0.0), "small"),
    _candidate("d", 0.4, (0.0, 0.0, 0.9), "newcomer"),
]


def test_a_list_covers_what_the_best_ones_leave_out() -> None:
    made = compose(POOL, 3, (1, 1, 1), tolerance=0)
    assert {c.id for c in made.choices} == {"a", "c", "d"}
    assert made.covered == (1.0, 1.0, 0.9)
    assert made.choices[0].aspects == (0,)
    assert Reason.COVERS in made.choices[1].reasons


def test_floors_are_met_and_said_to_be() -> None:
    made = compose(POOL, 2, (1, 0, 0), {"newcomer": 1}, tolerance=0)
    assert [c.id for c in made.choices] == ["a", "d"]
    assert made.choices[1].floors == ("newcomer",)
    assert Reason.FLOOR in made.choices[1].reasons
    assert compose(POOL, 4, (1, 1, 1), {"small": 3}).unmet == {"small": 2}


def test_one_member_can_meet_two_floors() -> None:
    both = _candidate("both", 0.1, (0.0,), "small", "newcomer")
    others = [_candidate(str(n), 0.9, (0.0,)) for n in range(5)]
    made = compose([*others, both], 2, (1,), {"small": 1, "newcomer": 1})
    assert "both" in {c.id for c in made.choices}
    assert made.unmet == {}


def test_impossible_wishes_are_refused() -> None:
    with pytest.raises(InputError, match="2 places"):
        compose(POOL, 2, (1, 1, 1), {"small": 3})
    with pytest.raises(InputError, match="one coverage per aspect"):
        compose(POOL, 2, (1, 1))


def test_equals_are_drawn_by_seed_and_not_by_order() -> None:
    pool = [_candidate(f"s{n}", 0.8, (0.5,)) for n in range(40)]
    first = compose(pool, 5, (1,), seed=7)
    assert first == compose(pool[::-1], 5, (1,), seed=7)
    assert first.choices[0].equals == 40
    assert Reason.DRAWN in first.choices[0].reasons
    drawn = [compose(pool, 1, (1,), seed=seed).choices[0].id for seed in range(200)]
    assert len(set(drawn)) > 30
    ids = [c.id for c in pool]
    assert draw(ids, 3, 1) == draw(ids[::-1], 3, 1)


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.lists(st.floats(0, 1), min_size=3, max_size=3)),
        min_size=1,
        max_size=7,
    ),
    st.integers(1, 4),
)
def test_greedy_keeps_its_guarantee(members: list[tuple[float, list[float]]], size: int) -> None:
    pool = [_candidate(str(n), w, tuple(c)) for n, (w, c) in enumerate(members)]
    weights = np.full(3, 1 / 3)

    def value(chosen: tuple[Candidate, ...]) -> float:
        covered = np.max([c.covers for c in chosen], axis=0) @ weights
        return float(
            COVERAGE_SHARE * covered + (1 - COVERAGE_SHARE) * sum(c.worth for c in chosen) / size
        )

    by_id = {c.id: c for c in pool}
    made = compose(pool, size, (1, 1, 1), tolerance=0)
    reached = value(tuple(by_id[c.id] for c in made.choices))
    best = max(value(s) for s in itertools.combinations(pool, min(size, len(pool))))
    assert reached >= (1 - 1 / np.e) * best - 1e-9
    assert len(made.choices) == min(size, len(pool))


def test_chance_covers_nothing() -> None:
    assert coverage(np.array([-1.0, 2.0, 4.0, 9.0])).tolist() == [0, 0, 0.5, 1]
