import pytest

from matcher.records import Need, Part, Supplier, Text
from matcher.text import TermMaker, canonical_text, language_of, passages
from matcher.text.language import identify
from matcher.text.sentences import split_sentences

PHRASES = {
    "nb": "Vi leverer utslippsfrie varebiler til kommuner i hele landet",
    "nn": "Me leverer utsleppsfrie varebilar til kommunar i heile landet og gjer det billeg",
    "sv": "Vi levererar utsläppsfria skåpbilar till kommuner i hela landet",
    "da": "Vi leverer emissionsfri varebiler til kommuner i hele landet og henter affald",
    "fi": "Toimitamme päästöttömiä pakettiautoja kunnille kaikkialla maassa",
    "is": "Við afhendum losunarlausa sendibíla til sveitarfélaga um allt land",
    "en": "We deliver emission-free vans to municipalities all over the country",
    "de": "Wir liefern emissionsfreie Transporter an Gemeinden im ganzen Land",
}


@pytest.mark.parametrize("lang", PHRASES)
def test_each_language_is_identified(lang: str) -> None:
    assert identify(PHRASES[lang]) == lang


@pytest.mark.parametrize("text", ["", "12345", "???", "  \n"])
def test_a_text_without_words_has_no_language(text: str) -> None:
    assert identify(text) == "und"


def test_abbreviations_end_no_sentence_and_list_items_do() -> None:
    text = "Vi har f.eks. busser. De er nye!\n\n- Lading\n- Drift og service"
    found = [text[a:b] for a, b in split_sentences(text, "nb")]
    assert found == ["Vi har f.eks. busser.", "De er nye!", "- Lading", "Drift og service"]


@pytest.mark.parametrize(
    ("lang", "word", "parts"),
    [("nb", "dialogkonferanse", ["dialog", "konferanse"]),
     ("nb", "avfallshåndtering", ["avfall", "håndtering"]),
     ("nn", "straumforsyning", ["straum", "forsyning"]),
     ("sv", "leverantörsdialog", ["leverantör", "dialog"]),
     ("da", "sygehuslogistik", ["sygehus", "logistik"]),
     ("fi", "tavarakuljetus", ["tavara", "kuljetus"]),
     ("is", "sjúkraflutningar", ["sjúkra", "flutningar"]),
     ("de", "krankenhauslogistik", ["krankenhaus", "logistik"])],
)  # fmt: skip
def test_compounds_are_split(term_maker: TermMaker, lang: str, word: str, parts: list[str]) -> None:
    assert term_maker.split_compound(word, lang) == parts


@pytest.mark.parametrize(
    ("lang", "word"),
    [("nb", "forening"), ("nb", "bestemmelse"), ("nb", "kommunene"), ("nb", "undersøkelse"),
     ("sv", "bestämmelser"), ("sv", "förändring"), ("da", "bestemmelse"), ("da", "forbedring"),
     ("de", "unternehmen"), ("de", "verordnung"), ("fi", "vaatteiden"), ("en", "warehouse")],
)  # fmt: skip
def test_what_is_no_compound_is_not_split(term_maker: TermMaker, lang: str, word: str) -> None:
    assert term_maker.split_compound(word, lang) == [word]


@pytest.mark.parametrize("word", ["transporten", "rapporten", "kommunene"])
def test_short_known_words_are_one_term(term_maker: TermMaker, word: str) -> None:
    assert len(term_maker.terms(word, "nb")) == 1


def test_inflected_forms_share_a_term_and_stop_words_have_none(term_maker: TermMaker) -> None:
    assert term_maker.terms("kommunene", "nb") == term_maker.terms("kommuner", "nb") == ("kommune",)
    assert term_maker.terms("ikke", "nb") == ()
    assert term_maker.terms("ikkje", "nn") == ()
    assert term_maker.terms("слово", "und") == ("слово",)


def test_both_dictionaries_give_the_same_terms(term_maker: TermMaker) -> None:
    compact = TermMaker(low_memory=True)
    for lang, phrase in PHRASES.items():
        assert compact.text_terms(phrase, lang) == term_maker.text_terms(phrase, lang)


def _supplier(body: str, lang: str = "und") -> Supplier:
    return Supplier(id="s", name="Firma", texts=(Text(lang=lang, body=body),))


def test_a_suppliers_name_is_no_passage() -> None:
    found = passages(_supplier("Vi brøyter veier. Vi strør fortau.", "nb"))
    assert [p.text for p in found] == ["Vi brøyter veier. Vi strør fortau."]


def test_passages_remember_where_they_stand() -> None:
    body = " ".join(["Dette er en setning med akkurat ti ord i seg her."] * 7)
    for passage in passages(_supplier(body, "nb")):
        assert body[passage.start : passage.end] == passage.text


def test_a_sentence_in_another_language_is_told_apart() -> None:
    body = (
        "Vi bygger og drifter ladeanlegg for tunge kjøretøy over hele Norge. "
        "Our service engineers speak English and travel all over northern Europe every week."
    )
    assert [p.lang for p in passages(_supplier(body, "nb"))] == ["nb", "en"]


def test_a_needs_parts_are_passages_and_repeated_text_is_kept_once() -> None:
    need = Need(
        id="n",
        texts=(Text(lang="nb", title="Ferger", body="Utslippsfrie ferger."),),
        parts=(
            Part(id="LOT-1", texts=(Text(lang="nb", title="Lading", body="Utslippsfrie ferger."),)),
        ),
    )
    assert [(p.field, p.text) for p in passages(need)] == [
        ("title", "Ferger"),
        ("body", "Utslippsfrie ferger."),
        ("part:LOT-1", "Lading"),
    ]


def test_the_first_supported_language_is_indexed() -> None:
    texts = (Text(lang="fr", body="Des bacs"), Text(lang="sv", body="Färjor"))
    record = Supplier(id="s", name="x", texts=texts)
    assert canonical_text(record).lang == "sv"
    assert language_of(Text(lang="fr", body="Des bacs électriques")) == "und"
