"""A supplier's way: claim, write, be found, take the initiative, leave."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from matcher.records import Contact, Kind, Supplier, Text
from matcher.settings import Settings
from matcher.workflow.desk import Role
from tests.world import Inbox, World, inbox, text_of, world


@pytest.fixture(scope="module")
def post(demo_on_both: Settings) -> Iterator[tuple[Inbox, str]]:
    with inbox() as found:
        yield found


@pytest.fixture(scope="module")
def here(
    demo_on_both: Settings, tmp_path_factory: pytest.TempPathFactory, post: tuple[Inbox, str]
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("supplier") / "data"
    with world(demo_on_both, folder, smtp_url=post[1]) as found:
        yield found


def _register(here: World, supplier_id: str, name: str) -> Supplier:
    found = Supplier(
        id=supplier_id, name=name, source="brreg", country="NO", employees=12,
        texts=(Text(lang="nb", body="Formålet er handel og det som hører til."),),
        contact=Contact(email=f"post@{supplier_id}.example"),
    )  # fmt: skip
    here.desk.store.save([found])
    return found


def test_a_profile_is_claimed_by_the_companys_mailbox(here: World, post: tuple[Inbox, str]) -> None:
    _register(here, "no-1", "Fjordlad AS")
    eva, thief = here.person(Role.SUPPLIER, "eva"), here.person(Role.SUPPLIER, "thief")
    eva("GET", "/profiles/no-1", 404)
    eva("POST", "/suppliers/no-1/claim", 202)
    eva("POST", "/suppliers/no-1/claim", 409)
    eva("POST", "/suppliers/move-s1/claim", 409)  # No mailbox is known.
    here.send()
    (found,) = post[0].to("post@no-1.example")
    match = re.search(r"/claim/(\S+)", text_of(found))
    assert match
    thief("POST", "/claims", 403, token=match.group(1))
    assert eva("POST", "/claims", token=match.group(1)) == {"supplier_id": "no-1"}
    eva("POST", "/claims", 401, token=match.group(1))
    assert [p["supplier_id"] for p in eva.get("/my/profiles")] == ["no-1"]
    thief("GET", "/profiles/no-1", 404)


def test_a_profile_is_matched_as_it_is_written_and_no_feed_overwrites_it(here: World) -> None:
    record = _register(here, "no-2", "Lade AS")
    eva, broker = here.person(Role.SUPPLIER, "eva2"), here.person(Role.BROKER, "broker2")
    here.bind(eva, "no-2")
    texts = [{"lang": "nn", "body": "Vi byggjer ladestasjonar for elektriske bussar i depot."}]
    eva("PUT", "/profiles/no-2", texts=texts, employees=14, open_to_partners=True)
    found = eva.get("/profiles/no-2/matches", k=5)
    assert found["matches"][0]["explanation"]["words"]
    eva("POST", "/profiles/no-2/submission")
    eva("PUT", "/profiles/no-2", texts=texts, employees=15, open_to_partners=True)
    broker("POST", "/profiles/no-2/review", 409, publishes=True)
    eva("POST", "/profiles/no-2/submission")
    broker("POST", "/profiles/no-2/review", publishes=True)
    stored = here.desk.store.supplier("no-2")
    assert (stored.employees, stored.texts[0].lang) == (15, "nn")
    result = here.desk.store.save([record.model_copy(update={"employees": 99})])
    assert result.unchanged == 1
    assert here.desk.store.supplier("no-2").employees == 15
    eva("DELETE", "/profiles/no-2")
    assert here.anybody.get("/api/v1/suppliers/no-2").status_code == 404
    here.desk.store.save([record])
    assert here.anybody.get("/api/v1/suppliers/no-2").status_code == 404
    eva("GET", "/profiles/no-2", 404)


def test_suppliers_start_things_themselves(here: World) -> None:
    eva, broker = here.person(Role.SUPPLIER, "eva3"), here.person(Role.BROKER, "broker3")
    partner = here.person(Role.SUPPLIER, "partner3")
    here.bind(eva, "move-s11")
    here.bind(partner, "move-s9")
    text = here.desk.store.supplier("move-s9").texts[0]
    partner("PUT", "/profiles/move-s9", texts=[{"lang": text.lang, "body": text.body}],
            open_to_partners=True)  # fmt: skip
    before: list[Any] = eva.get("/profiles/move-s11/partners", need_id="move-n1", k=50)
    assert before == []
    partner("POST", "/profiles/move-s9/submission")
    broker("POST", "/profiles/move-s9/review", publishes=True)
    found = eva.get("/profiles/move-s11/partners", need_id="move-n1", k=50)
    assert {p["supplier_id"] for p in found} <= {"move-s9"}
    assert all(p["adds"] and "score" not in p for p in found)
    eva("POST", "/profiles/move-s11/interests", need_id="move-n1", text="Vi kan")
    eva("POST", "/profiles/move-s11/interests", need_id="move-n1", text="Vi kan det")
    (interest,) = broker.get("/needs/move-n1/interests")
    assert interest["text"] == "Vi kan det"
    eva("DELETE", "/profiles/move-s11/interests/move-n1")
    assert broker.get("/needs/move-n1/interests") == []
    asked = eva("POST", "/profiles/move-s11/reverse-dialogues", 201, title="Hør", text="Nytt")
    path = f"/reverse-dialogues/{asked['id']}/answer"
    assert broker("POST", path, takes_up=True, text="Gjerne")["state"] == "taken_up"
    broker("POST", path, 409, takes_up=False, text="Likevel ikke")
    assert partner.get("/reverse-dialogues")["total"] == 0


def test_muted_and_invited_without_mail(here: World, post: tuple[Inbox, str]) -> None:
    record = _register(here, "no-4", "Stille AS")
    eva, broker = here.person(Role.SUPPLIER, "eva4"), here.person(Role.BROKER, "broker4")
    here.bind(eva, "no-4")
    eva("PUT", "/profiles/no-4/mute", until="2100-01-01T00:00:00Z")
    plan = {"title": "D", "need_ids": ["move-n1"], "open_call": "https://notices.example/4"}
    dialogue = broker("POST", "/dialogues", 201, **plan)["id"]
    choice = {"supplier_id": "no-4", "shortlisted": True, "reason": "Passer"}
    broker("POST", f"/dialogues/{dialogue}/shortlist", choices=[choice])
    broker("POST", f"/dialogues/{dialogue}/invitations", 409)
    broker("POST", f"/dialogues/{dialogue}/state", to="open", reason="Klar")
    done = broker("POST", f"/dialogues/{dialogue}/invitations")
    assert done == {"sent": [], "without_mail": [{"supplier_id": "no-4", "reason": "stopped"}]}
    (invitation,) = eva.get("/my/invitations")
    assert "reason" not in invitation
    assert "score" not in invitation
    answer = eva("POST", f"/my/invitations/{invitation['id']}", accepts=True, text="Ja")
    assert answer["state"] == "accepted"
    eva("PUT", "/profiles/no-4/mute", until=None)
    here.send()
    assert post[0].to("post@no-4.example") == []
    assert record.contact


def test_links_in_mails_work_without_an_account(here: World, post: tuple[Inbox, str]) -> None:
    _register(here, "no-5", "Svar AS")
    broker = here.person(Role.BROKER, "broker5")
    plan = {"title": "Dialog om lading", "need_ids": ["move-n1"], "open_call": "https://n.example/5",
            "starts_at": (here.desk.now() + timedelta(days=30)).isoformat()}  # fmt: skip
    dialogue = broker("POST", "/dialogues", 201, **plan)["id"]
    choice = {"supplier_id": "no-5", "shortlisted": True, "reason": "Passer"}
    broker("POST", f"/dialogues/{dialogue}/shortlist", choices=[choice])
    broker("POST", f"/dialogues/{dialogue}/state", to="open", reason="Klar")
    broker("POST", f"/dialogues/{dialogue}/invitations")
    here.send()
    (mail,) = post[0].to("post@no-5.example")
    answer = re.search(r"http://testserver(/answer/\S+)", text_of(mail))
    stop = re.search(r"http://testserver(/stop/\S+)", text_of(mail))
    assert answer
    assert stop
    accept = {"accept-language": "nb"}
    page = here.anybody.get(answer.group(1), headers=accept)
    assert "Dialog om lading" in page.text
    assert "Vi deltar" in page.text
    page = here.anybody.post(answer.group(1), data={"accepts": "false"}, headers=accept)
    assert "takket nei" in page.text
    assert here.anybody.get(stop.group(1)).status_code == 200
    assert broker("POST", f"/dialogues/{dialogue}/reminders")["sent"] == []
    # A mail program's one click: no cookie, no code, no page before it.
    header = str(mail["List-Unsubscribe"]).strip(" <>").removeprefix("http://testserver")
    body = {"List-Unsubscribe": "One-Click"}
    assert here.anybody.post(header, data=body).status_code == 200
    with here.desk.store.reading() as connection:
        from matcher.workflow import mail as mails

        assert mails.stopped(connection, here.desk, "supplier:no-5") == "unsubscribed"
    late = replace(here.desk, now=lambda: here.desk.now() + timedelta(days=40))
    from matcher.errors import ConflictError
    from matcher.workflow import invitations

    token = answer.group(1).removeprefix("/answer/")
    with pytest.raises(ConflictError, match="no longer"):
        invitations.answer_by_token(late, token, True, "")
    assert here.desk.store.count(Kind.SUPPLIER) > 300


def test_a_password_is_chosen_by_the_link_of_a_new_account(
    here: World, post: tuple[Inbox, str]
) -> None:
    admin = here.person(Role.ADMIN, "admin6")
    admin("POST", "/accounts", 201, email="new@example.test", role="broker", language="sv")
    here.send()
    (mail,) = post[0].to("new@example.test")
    assert "lösenord" in str(mail["Subject"])
    link = re.search(r"http://testserver(/password/\S+)", text_of(mail))
    assert link
    password = {"password": "sju sjuke sjømenn"}
    assert here.anybody.post(link.group(1), data={"password": "short"}).status_code == 400
    assert here.anybody.post(link.group(1), data=password).status_code == 200
    assert here.anybody.post(link.group(1), data=password).status_code == 401
    body = {"email": "NEW@example.test", "password": "sju sjuke sjømenn"}
    assert here.anybody.post("/api/v1/auth/login", json=body).status_code == 200
