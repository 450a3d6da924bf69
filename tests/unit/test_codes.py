import pytest

from matcher.codes import normalise_country, normalise_cpv, normalise_nace
from matcher.languages import normalise_language, same_language


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("34512100", "34512100"), ("34512100-8", "34512100"), ("03113100-7", "03113100"),
     ("3113100", "03113100"), (" 60000000 ", "60000000"), ("600000008", "60000000")],
)  # fmt: skip
def test_cpv_codes_become_eight_digits(given: str, wanted: str) -> None:
    assert normalise_cpv(given) == wanted


@pytest.mark.parametrize("given", ["", "12345", "3451210A", "34512100-88", "²³456789"])
def test_what_is_no_cpv_code_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="no CPV code"):
        normalise_cpv(given)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("62.01", "62.01"), ("62.010", "62.01"), ("62010", "62.01"), ("620100", "62.01"),
     ("H49.41", "49.41"), ("85", "85"), ("01.1", "01.1")],
)  # fmt: skip
def test_national_activity_codes_become_nace(given: str, wanted: str) -> None:
    assert normalise_nace(given) == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("NO", "NO"), ("nor", "NO"), ("Norge", "NO"), ("Ísland", "IS"), ("", ""), (None, ""),
     ("Österreich", "AT"), ("SWE", "SE"), ("Suomi", "FI"), ("BRA", "BR"),
     ("xkx", "XK"), ("Brasilien", "BR"), ("Vereinigtes Königreich", "GB"), ("Bretland", "GB")],
)  # fmt: skip
def test_countries_become_two_letters(given: str | None, wanted: str) -> None:
    assert normalise_country(given) == wanted


@pytest.mark.parametrize("given", ["Atlantis", "QQQ", "European Union"])
def test_what_is_no_country_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="no country"):
        normalise_country(given)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("NOB", "nb"), ("NNO", "nn"), ("NOR", "nb"), ("no", "nb"), ("sv_SE", "sv"), ("nb-NO", "nb"),
     ("FRA", "fr"), ("pl", "pl"), ("xyz", "und"), ("", "und"), (None, "und")],
)  # fmt: skip
def test_language_codes_become_two_letters(given: str | None, wanted: str) -> None:
    assert normalise_language(given) == wanted


def test_what_has_no_form_of_a_language_code_is_refused() -> None:
    with pytest.raises(ValueError, match="no language code"):
        normalise_language("klingon")


def test_both_forms_of_norwegian_are_one_language_and_the_others_are_not() -> None:
    assert same_language("nb", "nn")
    assert not same_language("nb", "da")
