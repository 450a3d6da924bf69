"""What is not documented does not exist: documentation as a failing test."""

import re
import runpy

import pytest
from babel.messages.pofile import read_po

from api.cli import app
from api.web.i18n import LOCALE
from matcher.languages import LANGUAGES
from matcher.settings import Settings
from matcher.workflow import dialogues, figures, shortlist
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_stands_in_the_table(name: str) -> None:
    field = Settings.model_fields[name]
    assert f"`SAMSPILL_{name.upper()}`" in SETTINGS
    assert field.description
    assert field.description in SETTINGS


@pytest.mark.parametrize(
    "name", [c.name or c.callback.__name__ for c in app.registered_commands if c.callback]
)
def test_every_command_is_described(name: str) -> None:
    assert f"## samspill {name}" in COMMANDS


def test_generated_pages_are_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "make_docs.py"))
    assert made["settings"]() == SETTINGS, "run `make docs`"
    assert made["commands"]() == COMMANDS, "run `make docs`"


def test_links_in_the_documentation_lead_somewhere() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), f"{path.name}: {link}"


def test_the_readme_names_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", README))
    assert named
    assert named <= targets


def _messages() -> set[str]:
    found: set[str] = {"commits", "declares_intent", "observes"}
    web = ROOT / "api" / "web"
    for path in [*web.glob("templates/*.html"), *web.glob("*.py")]:
        found |= set(re.findall(r'_\("([^"]+)"', path.read_text(encoding="utf-8")))
    for name in ("letters", "documents"):
        text = (ROOT / "matcher" / "workflow" / f"{name}.py").read_text(encoding="utf-8")
        found |= set(re.findall(r'_\(\s*["\']([^"\']+)["\']', text))
    # What a record shows by its name.
    for names in (shortlist.State, shortlist.Origin, dialogues.State, figures.STEPS):
        found |= set(names)
    found |= {"signed", *figures.Exposure.__dataclass_fields__} - {"total"}
    errors = (ROOT / "matcher" / "errors.py").read_text(encoding="utf-8")
    return found | set(re.findall(r'title = "([^"]+)"', errors))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_message_is_translated(lang: str) -> None:
    with (LOCALE / f"{lang}.po").open("rb") as stream:
        catalogue = {str(m.id): str(m.string) for m in read_po(stream) if m.id}
    assert set(catalogue) == _messages()
    for message, translation in catalogue.items():
        assert translation, message
        placeholders = r"\{[a-z]+\}"
        assert sorted(re.findall(placeholders, message)) == sorted(
            re.findall(placeholders, translation)
        )
