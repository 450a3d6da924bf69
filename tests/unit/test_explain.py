from matcher.records import Kind
from matcher.service import Service


def test_reasons_are_quotations_and_numbers_of_stages(service: Service) -> None:
    found = service.match_record(Kind.NEED, "move-n1", k=5)
    need_text = " ".join(f"{t.title} {t.body}" for t in found.asking.texts).casefold()
    for match in found.matches:
        text = " ".join(match.record.texts[0].body.split())
        assert match.explanation.passages
        for pair in match.explanation.passages:
            assert pair.record_passage.text in text
        assert match.explanation.words
        for word in match.explanation.words:
            assert word.query_word in need_text
            assert word.record_word in text.casefold()
            assert 0.45 <= word.similarity <= 1.001
        # Each share is part of the number the stage gave: together they cannot exceed it.
        assert sum(w.share for w in match.explanation.words) <= match.hit.parts["covered"] + 0.01
        missing = set(match.explanation.missing)
        assert not missing & {w.query_word for w in match.explanation.words}


def test_words_meet_across_languages(service: Service) -> None:
    found = service.match_text("Transport av varer med elektriske lastebiler", "nb", k=30)
    crossing = [
        w
        for m in found.matches
        if m.record.texts[0].lang not in ("nb", "nn", "da")
        for w in m.explanation.words
        if w.query_word != w.record_word
    ]
    assert crossing


def test_codes_in_common_are_their_common_beginning(service: Service) -> None:
    need = service.store.need("move-n1")
    codes = {c[:2] for c in need.cpv}
    for match in service.match_record(Kind.NEED, "move-n1", k=50).matches:
        for code in match.explanation.cpv:
            assert code[:2] in codes
            assert any(c[:2] == code[:2] for c in match.record.cpv)
