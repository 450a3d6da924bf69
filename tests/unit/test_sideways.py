import json
from pathlib import Path

import pytest

from matcher.collection import Collection
from matcher.compose import coverage
from matcher.embed import StaticEncoder
from matcher.evaluate import measure
from matcher.feedback import learn
from matcher.index import Generation, build_generation
from matcher.pipeline import Matcher, aspect_scores
from matcher.query import Query
from matcher.records import Kind, Need
from matcher.sideways import joint_groups, missing_aspects, partners, same_buyer
from matcher.sources.table import make_record
from matcher.text import TermMaker

FIXTURES = Path(__file__).parent.parent / "fixtures"


@pytest.fixture(scope="module")
def twins() -> dict[str, str]:
    """Ids of needs that are the same need as one of the sample, in another language."""
    lines = (FIXTURES / "twins.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: row["twin_of"] for row in map(json.loads, lines)}


@pytest.fixture(scope="module")
def needs(sample: Collection, twins: dict[str, str]) -> list[Need]:
    lines = (FIXTURES / "twins.jsonl").read_text(encoding="utf-8").splitlines()
    made = [make_record(json.loads(line), Kind.NEED, "twins")[0] for line in lines]
    found = [n for n in [*sample.needs, *made] if isinstance(n, Need)]
    return sorted(found, key=lambda n: n.id)


@pytest.fixture(scope="module")
def matcher(
    needs: list[Need],
    sample: Collection,
    encoder: StaticEncoder,
    term_maker: TermMaker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Matcher:
    def records(kind: Kind) -> list[object]:
        return needs if kind is Kind.NEED else sample.suppliers  # type: ignore[return-value]

    root = tmp_path_factory.mktemp("twins")
    built = build_generation(root, records, 0, encoder, encoder, term_maker)  # type: ignore[arg-type]
    return Matcher(Generation.open(built), encoder, encoder, term_maker)


@pytest.fixture(scope="module")
def queries(matcher: Matcher, needs: list[Need]) -> dict[str, Query]:
    return {need.id: matcher.prepare(need, Kind.NEED) for need in needs}


def test_the_same_need_in_another_language_is_found(
    matcher: Matcher, needs: list[Need], queries: dict[str, Query], twins: dict[str, str]
) -> None:
    groups = joint_groups(matcher, needs, [queries[n.id] for n in needs])
    found = {(a, b) for g in groups for a in g for b in g if a in twins and twins[a] == b}
    pairs = sum(len(g) * (len(g) - 1) // 2 for g in groups)
    assert len(found) >= 12
    assert len(found) / pairs >= 0.6


def test_needs_of_one_buyer_are_never_joined(
    matcher: Matcher, needs: list[Need], queries: dict[str, Query], twins: dict[str, str]
) -> None:
    by_id = {n.id: n for n in needs}
    twin = next(iter(twins))
    original = by_id[twins[twin]]
    same = by_id[twin].model_copy(update={"buyers": original.buyers})
    assert same_buyer(same, original)
    others = [same if n.id == twin else n for n in needs]
    groups = joint_groups(matcher, others, [queries[n.id] for n in others])
    assert not any(twin in g and original.id in g for g in groups)


def test_partners_add_what_is_missing(matcher: Matcher, queries: dict[str, Query]) -> None:
    query = queries["move-n1"]
    ranking = matcher.rank(query)
    first = matcher.cut(ranking, 1).hits[0].record_id
    found = partners(matcher, query, first, 5)
    assert found
    assert first not in [p.hit.record_id for p in found]
    assert [p.added for p in found] == sorted((p.added for p in found), reverse=True)
    covers = coverage(aspect_scores(ranking))
    own = covers[:, list(ranking.records).index(ranking.side.find_record(first))]
    place = ranking.side.find_record(found[0].hit.record_id)
    theirs = covers[:, list(ranking.records).index(place)]
    assert all(theirs[a] > own[a] for a in found[0].aspects)


def test_hints_name_what_a_profile_leaves_out(matcher: Matcher, queries: dict[str, Query]) -> None:
    query = queries["move-n1"]
    order = matcher.match(query, 306).hits
    near, far = order[0].record_id, order[-1].record_id
    assert len(missing_aspects(matcher, query, far)) == len(query.aspects)
    assert len(missing_aspects(matcher, query, near)) < len(query.aspects)
    assert missing_aspects(matcher, query, "nobody") == []


def test_judgements_change_what_comes_next(
    matcher: Matcher, sample: Collection, queries: dict[str, Query]
) -> None:
    """The first five are judged as the collection says; the rest must rank better for it."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    left: dict[str, dict[str, int]] = {}
    for need in sample.needs:
        grades = sample.judgements[need.id]
        ranked = [h.record_id for h in matcher.match(queries[need.id], 306).hits]
        judged = {s: min(2, grades.get(s, 0)) for s in ranked[:5]}
        rest = {s: g for s, g in grades.items() if s not in judged}
        if any(rest.values()):
            learned = learn(queries[need.id], matcher.generation.sides[Kind.SUPPLIER], judged)
            left[need.id] = rest
            before[need.id] = ranked[5:]
            again = [h.record_id for h in matcher.match(learned, 306).hits]
            after[need.id] = [s for s in again if s not in judged]
    mean = [
        sum(v.values()) / len(v) for v in (measure(r, left)["ndcg@10"] for r in (before, after))
    ]
    assert mean[1] > mean[0] + 0.03


def test_judged_suppliers_stand_where_people_put_them(
    matcher: Matcher, queries: dict[str, Query]
) -> None:
    ranking = matcher.rank(queries["move-n1"])
    ids = [h.record_id for h in matcher.cut(ranking, 306).hits]
    said = {ids[9]: 2, ids[0]: 0}
    again = [h.record_id for h in matcher.cut(ranking, 306, judgements=said).hits]
    assert again[0] == ids[9]
    assert again[-1] == ids[0]
    assert again[1:-1] == [i for i in ids if i not in said]
