"""The whole story over HTTP: from eleven cities' needs to the record of a joint dialogue."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from docx import Document
from openpyxl import load_workbook

from matcher.records import Contact, Kind
from matcher.reindex import reindex
from matcher.settings import Settings
from matcher.workflow import log
from matcher.workflow.desk import Role
from tests.world import Inbox, Person, World, inbox, text_of, world

CITIES = {
    # city: country, language, title, body
    "Stavanger": ("NO", "nb", "Utslippsfri varelevering til skolene",
        "Kommunen trenger at varer leveres utslippsfritt til skoler, barnehager og sykehjem."),
    "Göteborg": ("SE", "sv", "Utsläppsfria leveranser till skolor",
        "Staden behöver utsläppsfria leveranser av varor till skolor, förskolor och äldreboenden."),
    "Aalborg": ("DK", "da", "Overvågning af lækager i vandledninger",
        "Kommunen har brug for at opdage lækager i drikkevandsledninger, før vandet går tabt."),
    "Trondheim": ("NO", "nn", "Oppdage lekkasjar i vassleidningar",
        "Kommunen må finne lekkasjar i leidningane for drikkevatn tidlegare enn i dag."),
    "Turku": ("FI", "fi", "Sähköbussien lataus varikolla",
        "Kaupunki tarvitsee sähköbussien latausratkaisun varikolle, joka toimii pakkasessa."),
    "Örebro": ("SE", "sv", "Laddning av elbussar i depå",
        "Kommunen behöver laddning av elbussar i depån som fungerar i sträng kyla."),
    "København": ("DK", "da", "Digital tolkning på hospitaler",
        "Regionen har brug for tolkning over video mellem patienter og læger."),
    "Oslo": ("NO", "nb", "Gjenbruk av møbler i kommunale bygg",
        "Kommunen vil bruke møbler om igjen og trenger reparasjon og lager."),
    "Bergen": ("NO", "nb", "Renere luft i klasserom",
        "Skolene trenger ventilasjon som gir ren luft uten å bruke mer strøm."),
    "Kaarina": ("FI", "fi", "Kotihoidon etäseuranta",
        "Kaupunki haluaa seurata ikääntyneiden turvallisuutta kotona etäyhteydellä."),
    "Stockholm": ("SE", "sv", "Skyfall och översvämning",
        "Staden behöver varning och skydd när skyfall översvämmar gator och källare."),
}  # fmt: skip
PAIRS = [("Stavanger", "Göteborg"), ("Aalborg", "Trondheim"), ("Turku", "Örebro")]


@pytest.fixture(scope="module")
def mailserver(demo_on_both: Settings) -> Iterator[tuple[Inbox, str]]:
    with inbox() as found:
        yield found


@pytest.fixture(scope="module")
def here(
    demo_on_both: Settings,
    tmp_path_factory: pytest.TempPathFactory,
    mailserver: tuple[Inbox, str],
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("story") / "data"
    with world(demo_on_both, folder, smtp_url=mailserver[1]) as found:
        store = found.desk.store
        store.save(
            [
                supplier.model_copy(
                    update={"contact": Contact(name="Kari Li", email=f"post@{supplier.id}.example")}
                )
                for supplier in store.iterate(Kind.SUPPLIER)
            ]
        )
        yield found


def test_from_needs_to_a_record(here: World, mailserver: tuple[Inbox, str], encoder: Any) -> None:
    post, _ = mailserver
    broker = here.person(Role.BROKER, "broker")
    buyers = _cities(here)

    # Eleven needs in five languages are written, and published.
    before = here.desk.store.count(Kind.NEED)
    needs = {city: _publish(person, city) for city, (person, _) in buyers.items()}
    assert len({CITIES[c][1] for c in needs}) == 5
    service = here.desk.matching
    reindex(here.desk.store, here.settings.data_dir, encoder, encoder)
    assert service.matcher.generation.manifest.counts["needs"]["records"] == before + 11

    # Three pairs are found to be the same.
    for one, other in PAIRS:
        found = broker.get(f"/needs/{needs[one]}/joint-suggestions", k=5)
        assert needs[other] in [s["need"]["need_id"] for s in found], (one, other)

    # One of them, with three cities more that have the same need, becomes a joint need.
    joint = broker("POST", "/joint-needs", 201, parts=[needs["Stavanger"], needs["Göteborg"]],
        texts=[{"lang": "nb", "title": "Utslippsfri varelevering i Norden",
                "body": CITIES["Stavanger"][3]},
               {"lang": "sv", "title": "Utsläppsfria leveranser i Norden",
                "body": CITIES["Göteborg"][3]}],
        lead_buyer_id=buyers["Stavanger"][1], reason="Samme behov, samme marked")  # fmt: skip
    joint_id = joint["need_id"]
    assert [b["name"] for b in joint["content"]["buyers"] if b["lead"]] == ["Stavanger"]
    assert {p["need_id"] for p in broker.get(f"/joint-needs/{joint_id}/parts")} == {
        needs["Stavanger"], needs["Göteborg"]}  # fmt: skip
    for one, other in PAIRS[1:]:
        broker(
            "POST",
            "/joint-needs",
            201,
            parts=[needs[one], needs[other]],
            reason="Likt",
            texts=[{"lang": "en", "title": f"{one} and {other}", "body": CITIES[one][3]}],
        )

    _declare(broker, buyers, joint_id)

    # The dialogue: no open call, no invitation round.
    plan = {
        "title": "Nordisk markedsdialog: utslippsfri varelevering",
        "need_ids": [joint_id],
        "starts_at": "2030-03-04T09:00:00+01:00",
        "place": "Göteborg",
        "languages": ["nb", "sv", "da"],
        "pack": {"texts": [{"lang": "nb", "body": "Bakgrunn og spørsmål til markedet."}]},
    }
    dialogue = broker("POST", "/dialogues", 201, **plan)["id"]
    base = f"/dialogues/{dialogue}"
    problem = broker("POST", f"{base}/state", 409, to="open", reason="Klar")
    assert "open call" in problem["detail"]
    broker("PUT", base, **plan, open_call="https://notices.example/2030-1")
    assert broker("POST", f"{base}/state", to="open", reason="Klar")["state"] == "open"
    assert broker.get(f"/needs/{joint_id}/case")["state"] == "in_dialogue"
    assert broker.get(f"/needs/{needs['Stavanger']}/case")["state"] == "in_dialogue"

    ranked = broker("POST", f"{base}/rankings", 201, need_id=joint_id, k=60)
    shortlisted = _choose(broker, base, ranked)
    assert len(shortlisted) == 40

    # One is protected against unsolicited mail, one has stopped it: they stand, without mail.
    broker("PUT", f"/profiles/{shortlisted[0]}/protection", protected=True)
    done = broker("POST", f"{base}/invitations")
    assert len(done["sent"]) == 39
    assert done["without_mail"] == [{"supplier_id": shortlisted[0], "reason": "stopped"}]
    broker("POST", f"{base}/invitations", 409)
    outcome = here.send()
    # The declaration went to the two buyers as well.
    assert (outcome.sent, outcome.failed, outcome.uncertain) == (41, 0, 0)

    accepted = _answer(here, post, done["sent"])
    again = broker("POST", f"{base}/reminders")
    assert len(again["sent"]) == 14
    assert here.send().sent == 14
    broker("POST", f"{base}/attendance", supplier_ids=accepted[:20])
    broker("POST", f"{base}/state", to="held", reason="Tjue leverandører kom")
    broker("POST", f"/needs/{joint_id}/state", to="in_procurement", reason="Kunngjort")
    assert broker.get(f"/needs/{needs['Göteborg']}/case")["state"] == "in_procurement"

    _check_record(broker, base, ranked, accepted)
    figures = broker.get("/figures")
    assert figures["needs_in_procurement"] == 3
    assert figures["suppliers_invited"] == 40
    assert figures["suppliers_attended"] == 20
    assert figures["joint_needs"] == 3
    verdict = log.verify(here.desk)
    assert verdict.ok, verdict.problems
    assert broker.get("/log/verification")["entries"] == verdict.entries
    everything = broker.client.get(f"/api/v1/log?subject=dialogue:{dialogue}&limit=200").text
    assert "post@" not in everything
    assert "Kari" not in everything


def _cities(here: World) -> dict[str, tuple[Person, int]]:
    found = {}
    for number, (city, (country, lang, *_)) in enumerate(CITIES.items()):
        buyer = here.buyer(city, country)
        person = here.person(Role.BUYER, f"city{number}", buyer_id=buyer, language=lang)
        found[city] = (person, buyer)
    return found


def _publish(person: Person, city: str) -> str:
    country, lang, title, body = CITIES[city]
    need = person(
        "POST", "/needs", 201, texts=[{"lang": lang, "title": title, "body": body}],
        country=country, buyers=[{"name": city, "country": country, "commitment": "observes"}],
    )  # fmt: skip
    assert need["state"] == "draft"
    need_id = str(need["need_id"])
    # A draft is nobody else's to find.
    assert person.client.get(f"/api/v1/needs/{need_id}").status_code == 404
    assert (
        person("POST", f"/needs/{need_id}/state", to="published", reason="Vedtatt")["version"] == 1
    )
    assert person.client.get(f"/api/v1/needs/{need_id}").status_code == 200
    return need_id


def _declare(broker: Person, buyers: dict[str, tuple[Person, int]], joint_id: str) -> None:
    """Each buyer signs for itself; what it signs becomes its commitment."""
    declaration = broker(
        "POST",
        f"/needs/{joint_id}/declarations",
        201,
        texts=[{"lang": "en", "title": "Intent", "body": "We will ask for zero emission."}],
    )
    path = f"/declarations/{declaration['id']}"
    stavanger, goteborg = buyers["Stavanger"][0], buyers["Göteborg"][0]
    stavanger("GET", path, 404)
    broker("POST", f"{path}/sending")
    stavanger("POST", f"{path}/signature", signs=True, commitment="commits", statement="Fra 2031")
    stavanger("POST", f"{path}/signature", 409, signs=True, commitment="observes")
    buyers["Oslo"][0]("POST", f"{path}/signature", 404, signs=True, commitment="commits")
    done = goteborg("POST", f"{path}/signature", signs=True, commitment="declares_intent")
    assert done["state"] == "complete"
    assert all(s["at"] and s["account_id"] for s in done["signatures"])
    case = broker.get(f"/needs/{joint_id}/case")
    assert [b["commitment"] for b in case["content"]["buyers"]] == ["commits", "declares_intent"]


def _choose(broker: Person, base: str, ranked: Any) -> list[str]:
    """Shortlist 30 by hand with reasons, reject 5, draw 9 of the rest, add one."""
    order = [m["record"]["id"] for m in ranked["ranking"]["matches"]]
    choices = [
        {"supplier_id": s, "shortlisted": n < 30, "reason": f"Plass {n + 1}: vurdert"}
        for n, s in enumerate(order[:35])
    ]
    broker("POST", f"{base}/shortlist", choices=choices)
    broker("POST", f"{base}/shortlist", 422,
           choices=[{"supplier_id": order[40], "shortlisted": True, "reason": ""}])  # fmt: skip
    drawn = broker("POST", f"{base}/draws", 201, count=9, reason="Likeverdige", seed="lodd-1")
    assert {p["supplier_id"] for p in drawn["drawn"]} <= set(order[35:])
    everybody = {s["id"] for s in broker.get("/suppliers", limit=200)["items"]}
    by_hand = sorted(everybody - set(order))[0]
    broker(
        "POST",
        f"{base}/shortlist",
        choices=[{"supplier_id": by_hand, "shortlisted": True, "reason": "Foreslått av byen"}],
    )
    places = broker.get(f"{base}/shortlist")
    assert all(p["reason"] for p in places)
    return [p["supplier_id"] for p in places if p["state"] == "shortlisted"]


def _answer(here: World, post: Inbox, invited: list[str]) -> list[str]:
    """25 answer from their mail links, without an account: 22 accept."""
    accepted = []
    for number, supplier_id in enumerate(invited[:25]):
        (mail,) = post.to(f"post@{supplier_id}.example")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert "open call" in text_of(mail) or "https://notices.example/2030-1" in text_of(mail)
        found = re.search(r"http://testserver/answer/(\S+)", text_of(mail))
        assert found
        path = f"/api/v1/answers/{found.group(1)}"
        assert here.anybody.get(path).json()["state"] == "opened"
        accepts = number < 22
        answer = here.anybody.post(path, json={"accepts": accepts, "text": "Takk"})
        assert answer.json()["state"] == ("accepted" if accepts else "declined")
        if accepts:
            accepted.append(supplier_id)
    return accepted


def _check_record(broker: Person, base: str, ranked: Any, accepted: list[str]) -> None:
    record = broker.get(f"{base}/record", format="json")
    states = [s["state"] for s in record["suppliers"]]
    assert states.count("attended") == 20
    assert states.count("accepted") == 2
    assert states.count("declined") == 3
    kinds = [e["kind"] for e in record["entries"]]
    assert kinds.count("message.sent") == 39 + 14
    assert kinds.count("choice.shortlisted") == 40
    (run,) = [e for e in record["entries"] if e["kind"] == "ranking"]
    shown = [m["record"]["id"] for m in ranked["ranking"]["matches"]]
    assert [i for i, _ in run["payload"]["list"]][:60] == shown
    assert len(run["payload"]["list"]) == run["payload"]["candidates"] > 300
    replayed = broker("POST", f"/log/{run['number']}/replay")
    assert replayed["same"]
    assert replayed["places"] == run["payload"]["candidates"]
    assert record["exposure"]["total"] == {
        "listed": len(states), "invited": 40, "accepted": 22, "attended": 20}  # fmt: skip
    assert record["needs"][0]["declarations"][0]["signatures"][0]["decision"] == "signed"
    text = broker.client.get(f"/api/v1{base}/record?format=json").text
    assert "post@" not in text

    book = load_workbook(io.BytesIO(_file(broker, base, "xlsx", "sv")))
    assert book["Leverantörer"].max_row == 1 + len(states)
    document = Document(io.BytesIO(_file(broker, base, "docx", "nb")))
    words = "\n".join(p.text for p in document.paragraphs)
    assert "Nordisk markedsdialog" in words
    assert len(document.tables) >= 5


def _file(broker: Person, base: str, form: str, language: str) -> bytes:
    path = f"/api/v1{base}/record"
    answer = broker.client.get(path, params={"format": form, "language": language})
    assert answer.status_code == 200
    assert f".{form}" in answer.headers["content-disposition"]
    return answer.content
