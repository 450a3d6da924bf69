"""What mails say, in the reader's language. English is the language of the messages."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from babel.dates import format_datetime

from matcher.languages import LANGUAGES
from matcher.workflow.desk import Desk


@dataclass(frozen=True)
class Letter:
    """A mail's content in one language.

    Attributes:
        language: It is written in.
        subject: One line.
        paragraphs: The text; plain, escaped where it becomes HTML.
        link: Where the reader can act; personal, so it stands in no log.
        link_text: What the link does.
        items: A list of things with their links.
    """

    language: str
    subject: str
    paragraphs: tuple[str, ...]
    link: str = ""
    link_text: str = ""
    items: tuple[tuple[str, str], ...] = ()
    footer: str = ""

    def text(self, stop_link: str = "", with_links: bool = True) -> str:
        """Return the letter as plain text."""
        parts = list(self.paragraphs)
        parts += [
            f"- {title}\n  {link if with_links else ''}".rstrip() for title, link in self.items
        ]
        if self.link:
            parts.append(f"{self.link_text}:\n{self.link if with_links else '[personal link]'}")
        if self.footer:
            stop = f"\n{stop_link}" if stop_link and with_links else ""
            parts.append(f"-- \n{self.footer}{stop}")
        return "\n\n".join(parts) + "\n"

    def html(self, stop_link: str = "") -> str:
        """Return the letter as HTML; everything that was written by somebody is escaped."""
        parts = [f"<p>{_lines(p)}</p>" for p in self.paragraphs]
        if self.items:
            items = "".join(f"<li>{_anchor(link, title)}</li>" for title, link in self.items)
            parts.append(f"<ul>{items}</ul>")
        if self.link:
            parts.append(f"<p>{_anchor(self.link, self.link_text)}</p>")
        if self.footer:
            footer = _anchor(stop_link, self.footer) if stop_link else _lines(self.footer)
            parts.append(f"<hr><p><small>{footer}</small></p>")
        title = html.escape(self.subject)
        return (
            f'<!doctype html>\n<html lang="{self.language}"><head><meta charset="utf-8">'
            f"<title>{title}</title></head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"
        )


def _lines(text: str) -> str:
    return html.escape(text).replace("\n", "<br>\n")


def _anchor(link: str, text: str) -> str:
    return f'<a href="{html.escape(link)}">{_lines(text)}</a>' if link else _lines(text)


def _in(desk: Desk, language: str) -> tuple[str, Callable[..., str]]:
    known = language if language in LANGUAGES else "en"

    def _(message: str, **values: object) -> str:
        return desk.translate(known, message, **values)

    return known, _


def _time(moment: datetime | None, language: str) -> str:
    return format_datetime(moment, "full", locale=language) if moment else ""


def _when_and_where(
    _: Callable[..., str], language: str, starts: datetime | None, place: str, link: str
) -> str:
    lines = []
    if starts:
        lines.append(_("When: {time}", time=_time(starts, language)))
    if place:
        lines.append(_("Where: {place}", place=place))
    if link:
        lines.append(_("Online: {link}", link=link))
    return "\n".join(lines)


@dataclass(frozen=True)
class Occasion:
    """What an invitation tells about its dialogue."""

    title: str
    needs: tuple[str, ...]
    buyers: tuple[str, ...]
    starts: datetime | None
    place: str
    link: str
    open_call: str
    pack: str


def invitation(desk: Desk, language: str, about: Occasion, link: str, reminds: bool) -> Letter:
    """Write an invitation to a market dialogue, or a reminder of it."""
    lang, _ = _in(desk, language)
    subject = _("Invitation to a market dialogue: {title}", title=about.title)
    opening = _(
        "{buyers} invite you to a market dialogue before a procurement.",
        buyers=", ".join(about.buyers) or _("Public buyers"),
    )
    if reminds:
        subject = _("Reminder: {title}", title=about.title)
        opening = _("We have not heard from you yet about this market dialogue.")
    needs = "\n".join(f"- {need}" for need in about.needs)
    paragraphs = [
        opening,
        about.title,
        _when_and_where(_, lang, about.starts, about.place, about.link),
        f"{_('What the buyers need:')}\n{needs}" if needs else "",
        about.pack,
        _(
            "The dialogue is open to everyone. The open call is here: {link}",
            link=about.open_call,
        ),
        _("Whether you take part or not has no bearing on a later procurement."),
    ]
    return Letter(
        lang,
        subject,
        tuple(p for p in paragraphs if p),
        link,
        _("Answer here, without an account"),
        footer=_("You get this because your company may be able to meet the need. Stop such mail"),
    )


def declaration(desk: Desk, language: str, title: str, link: str) -> Letter:
    """Write to a buyer that a declaration of intent awaits its signature."""
    lang, _ = _in(desk, language)
    return Letter(
        lang,
        _("Declaration of intent: {title}", title=title),
        (_("A joint declaration of intent awaits your answer."), title),
        link,
        _("Read and answer"),
    )


def claim(desk: Desk, language: str, company: str, link: str) -> Letter:
    """Write to a company's mailbox that somebody asks to write its profile."""
    lang, _ = _in(desk, language)
    return Letter(
        lang,
        _("Somebody asks to write the profile of {company}", company=company),
        (
            _("If it is one of you, open the link. If not, do nothing: nothing will happen."),
            _("The link works once and for three days."),
        ),
        link,
        _("Take over the profile"),
    )


def password(desk: Desk, language: str, link: str) -> Letter:
    """Write that a new password can be chosen."""
    lang, _ = _in(desk, language)
    return Letter(
        lang,
        _("Choose a password"),
        (
            _("With this link you choose the password of your account."),
            _("If you did not ask for it, do nothing: nothing will happen."),
        ),
        link,
        _("Choose a password"),
    )


def review(desk: Desk, language: str, company: str, published: bool, reason: str) -> Letter:
    """Write what became of a profile's review."""
    lang, _ = _in(desk, language)
    subject = (
        _("The profile of {company} is published", company=company)
        if published
        else _("The profile of {company} needs a change", company=company)
    )
    return Letter(
        lang,
        subject,
        tuple(filter(None, (subject, reason))),
        desk.link("/profile"),
        _("Open the profile"),
    )


def renewal(desk: Desk, language: str, company: str) -> Letter:
    """Write that a profile runs out soon."""
    lang, _ = _in(desk, language)
    return Letter(
        lang,
        _("The profile of {company} runs out soon", company=company),
        (_("Read it again and renew it. If you do not, it is no longer shown."),),
        desk.link("/profile"),
        _("Open the profile"),
    )


def digest(desk: Desk, language: str, title: str, items: Sequence[tuple[str, str]]) -> Letter:
    """Write what is new for a saved search or profile."""
    lang, _ = _in(desk, language)
    return Letter(
        lang,
        _("New for you: {title}", title=title),
        (_("New matches since the last mail:"),),
        items=tuple(items),
        footer=_("You asked for this mail. Stop it"),
    )
