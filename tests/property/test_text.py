import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.embed import StaticEncoder
from matcher.languages import LANGUAGES
from matcher.records import Need, Text
from matcher.text import TermMaker, language_of, passages, words
from matcher.text.sentences import split_sentences

LANGS = st.sampled_from([*LANGUAGES, "und"])


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400), LANGS)
def test_sentences_are_ordered_and_cover_all_words(text: str, lang: str) -> None:
    spans = split_sentences(text, lang)
    assert all(a < b for a, b in spans)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))
    # A list's bullet may fall between sentences, a word never.
    assert [w for a, b in spans for w in words(text[a:b])] == words(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400), LANGS)
def test_text_is_total_on_any_unicode(term_maker: TermMaker, text: str, lang: str) -> None:
    need = Need(id="n", texts=(Text(lang=lang, title=text[:50], body=text),))
    assert language_of(need.texts[0]) in (*LANGUAGES, "und")
    for passage in passages(need):
        assert passage.text.strip()
        for term in term_maker.text_terms(passage.text, passage.lang):
            assert term


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=8))
def test_encoding_takes_any_text(encoder: StaticEncoder, texts: list[str]) -> None:
    assert encoder.encode(texts).shape == (len(texts), encoder.dimension)
