import pytest

from matcher.codes import (
    check_cpv,
    cpv_name,
    division_names,
    find_organisation_number,
    organisation_key,
    size_class,
)
from matcher.languages import LANGUAGES


@pytest.mark.parametrize(
    ("given", "country", "wanted"),
    [("974 760 673", "NO", "974760673"), ("NO974760673MVA", "", "974760673"),
     ("Org.nr.974760673", "NO", "974760673"), ("974\u200b760\u200b673", "NO", "974760673"),
     ("DK-CVR-10150817", "DK", "10150817"), ("DK 10 15 08 17", "", "10150817"),
     ("556016-0680", "SE", "5560160680"), ("SE556016068001", "", "5560160680"),
     ("165560160680", "SE", "5560160680"), ("FI01120389", "", "0112038-9"),
     ("112038-9", "FI", "0112038-9"), ("Y-tunnus 0112038-9", "FI", "0112038-9"),
     ("500269-4649", "IS", "5002694649"), ("10137025", "EE", "10137025"),
     ("DE136695976", "", "136695976")],
)  # fmt: skip
def test_numbers_are_read_however_they_are_written(given: str, country: str, wanted: str) -> None:
    found = find_organisation_number(given, country)
    assert found is not None
    assert (found.number, found.personal) == (wanted, False)


@pytest.mark.parametrize(
    ("given", "country"),
    [("N/A", "NO"), ("974760674", "NO"), ("", "NO"), ("10150818", "DK"), ("5560160681", "SE"),
     ("0112038-8", "FI"), ("5002694659", "IS"), ("10137026", "EE"), ("136695977", "DE"),
     ("974760673", ""), ("974760673", "FR"), ("٩٧٤٧٦٠٦٧٣", "NO"), ("1" * 500, "SE")],
)  # fmt: skip
def test_what_is_no_number_is_not_taken_for_one(given: str, country: str) -> None:
    assert find_organisation_number(given, country) is None


def test_persons_are_told_by_their_number() -> None:
    found = find_organisation_number("811218-9876", "SE")
    assert found is not None
    assert found.personal
    found = find_organisation_number("120174-3399", "IS")
    assert found is not None
    assert found.personal


def test_strangers_without_a_number_do_not_become_one() -> None:
    assert organisation_key("A", "N/A", "NO") != organisation_key("B", "N/A", "NO")
    assert organisation_key("A", "NO974760673", "NO") == organisation_key("B", "974760673", "NO")
    assert organisation_key("A", "HRB 12345", "FR") == organisation_key("B", "HRB12345", "FR")


def test_sizes_are_the_eu_classes() -> None:
    assert [size_class(n) for n in (None, 0, 9, 10, 49, 50, 249, 250)] == [
        "", "micro", "micro", "small", "small", "medium", "medium", "large"
    ]  # fmt: skip


def test_every_division_has_a_name_in_every_language() -> None:
    for lang in LANGUAGES:
        names = division_names(lang)
        assert len(names) == 45
        assert all(names.values())
        assert len(set(names.values())) == 45
    assert cpv_name("72212000", "fi") == "IT-palvelut"
    assert cpv_name("72212000", "nb", {"72212000": "Programmering"}) == "Programmering"
    assert cpv_name("99999999", "nb") == ""


@pytest.mark.parametrize(
    ("given", "code", "remark"),
    [("72212000", "72212000", ""), ("72212000-4", "72212000", ""), ("72212000.0", "72212000", ""),
     ("72212000-4-AA01", "72212000", ""), ("3113100", "03113100", ""),
     ("74112000", "79000000", "2003"), ("99999999", "", "no division"), ("x", "", "no CPV code")],
)  # fmt: skip
def test_codes_are_normalised_and_wrong_ones_named(given: str, code: str, remark: str) -> None:
    found, told = check_cpv(given)
    assert found == code
    assert remark in told
    assert bool(told) == bool(remark)
