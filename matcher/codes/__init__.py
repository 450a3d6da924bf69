"""Codes: CPV, NACE, countries and company sizes, and organisation numbers with check digits."""

from matcher.codes.classify import (
    normalise_country,
    normalise_cpv,
    normalise_nace,
    size_class,
)
from matcher.codes.cpv import check_cpv, cpv_name, division_names
from matcher.codes.organisations import (
    OrganisationNumber,
    find_organisation_number,
    organisation_key,
)

__all__ = [
    "OrganisationNumber",
    "check_cpv",
    "cpv_name",
    "division_names",
    "find_organisation_number",
    "normalise_country",
    "normalise_cpv",
    "normalise_nace",
    "organisation_key",
    "size_class",
]
