"""What is written is found by the next question, in every process, without a re-index."""

import numpy as np
import pytest

from matcher.embed import StaticEncoder
from matcher.index import Filters
from matcher.records import Kind, Need, Supplier, Text
from matcher.reindex import reindex
from matcher.service import Service
from matcher.settings import Settings
from matcher.store import Store
from tests.reliability.conftest import LONG, supplier

ROUNDS = 1000 if LONG else 25


def ids(service: Service, text: str, k: int = 10, filters: Filters | None = None) -> list[str]:
    found = service.match_text(text, "nb", k=k, filters=filters)
    return [m.record.id for m in found.matches]


@pytest.mark.timeout(3600)
def test_every_write_is_found_by_the_next_question(
    settings: Settings, filled: Store, encoder: StaticEncoder
) -> None:
    reindex(filled, settings.data_dir, encoder, encoder)
    workers = [Service(settings), Service(settings)]
    for number in range(ROUNDS):
        word = f"nyord{number}verk"
        filled.save([supplier(1000 + number, f"Vi er best på {word}.")])
        assert ids(workers[number % 2], f"Vi trenger {word}")[0] == f"s{1000 + number}"
        if number % 5 == 0:
            # Saved again with other words, then deleted: found by the new ones, then not at all.
            filled.save([supplier(1000 + number, "Vi selger epler.")])
            assert ids(workers[1], "Vi vil kjøpe epler")[0] == f"s{1000 + number}"
            filled.delete(Kind.SUPPLIER, f"s{1000 + number}")
            for worker in workers:
                assert f"s{1000 + number}" not in ids(worker, "Vi vil kjøpe epler", 200)
    for worker in workers:
        worker.close()


def test_an_overlay_answers_as_the_next_generation_does(
    settings: Settings, filled: Store, encoder: StaticEncoder
) -> None:
    filled.save([supplier(n) for n in range(40)])
    reindex(filled, settings.data_dir, encoder, encoder)
    service = Service(settings)
    filled.save(
        [
            Supplier(
                id="fresh",
                name="Ny",
                country="SE",
                cpv=("90620000",),
                texts=(Text(lang="sv", body="Vi plogar snö. Vi sandar gångvägar."),),
            )
        ]
    )
    filled.save([supplier(4, "Sand og salt.")])
    filled.delete(Kind.SUPPLIER, "s7")
    question = "Vi trenger noen som brøyter snø, nummer 4, med sand"
    over = service.match_text(question, "nb", k=100)
    assert over.result.candidates == 40
    swedish = ids(service, question, filters=Filters(countries=("SE",)))
    assert swedish == ids(service, question, filters=Filters(cpv=("9062",))) == ["fresh"]
    reindex(filled, settings.data_dir, encoder, encoder)
    after = service.match_text(question, "nb", k=100)
    while after.result.generation == over.result.generation:
        after = service.match_text(question, "nb", k=100)
    assert {m.record.id for m in over.matches} == {m.record.id for m in after.matches}
    # Frequencies are the generation's, so scores agree nearly, and dense ones entirely.
    before = {h.record_id: h.parts["dense"] for h in over.result.hits}
    for hit in after.result.hits:
        assert hit.parts["dense"] == pytest.approx(before[hit.record_id], abs=2e-3)
    service.close()


def test_needs_are_fresh_too(settings: Settings, filled: Store, encoder: StaticEncoder) -> None:
    reindex(filled, settings.data_dir, encoder, encoder)
    service = Service(settings)
    body = "Kommunen trenger brøyting av fortau."
    filled.save([Need(id="n1", texts=(Text(lang="nb", title="Brøyting", body=body),))])
    found = service.match_record(Kind.SUPPLIER, "s1")
    assert [m.record.id for m in found.matches] == ["n1"]
    service.close()


def test_many_changes_at_once_follow_in_the_background(
    settings: Settings, filled: Store, encoder: StaticEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matcher.index.follow.AT_ONCE", 10)
    reindex(filled, settings.data_dir, encoder, encoder)
    service = Service(settings)
    assert len(ids(service, "brøyting", 200)) == 5
    filled.save([supplier(n) for n in range(10, 60)])
    filled.delete(Kind.SUPPLIER, "s0")
    seen = len(ids(service, "brøyting", 200))
    assert seen >= 4
    while seen < 54:
        found = ids(service, "brøyting", 200)
        assert "s0" not in found
        assert len(found) >= seen
        seen = len(found)
    service.close()


def test_a_large_side_with_changes_gives_k(settings: Settings, encoder: StaticEncoder) -> None:
    store = Store.create(settings.store_url)
    firms = [
        supplier(n).model_copy(update={"country": "NO" if n % 50 == 0 else "SE"})
        for n in range(2600)
    ]
    store.save(firms)
    reindex(store, settings.data_dir, encoder, encoder)
    service = Service(settings)
    store.save([supplier(n, "Også traktor.") for n in range(1, 30)])
    for n in range(100, 120):
        store.delete(Kind.SUPPLIER, f"s{n}")
    found = ids(service, "brøyting med traktor", 50)
    assert len(found) == 50
    assert {f"s{n}" for n in range(1, 30)} <= set(found)
    assert not {f"s{n}" for n in range(100, 120)} & set(found)
    norwegian = ids(service, "brøyting", 50, Filters(countries=("NO",)))
    assert len(norwegian) == 50
    assert np.all([int(i[1:]) % 50 == 0 for i in norwegian])
    store.close()
    service.close()
