"""Invitation lists, similar needs, partners, hints and judgements over HTTP."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from matcher.settings import Settings

NEED = "move-n1"


@pytest.fixture
def own(demo_settings: Settings, tmp_path: Path) -> Iterator[TestClient]:
    """A service whose store may be written to."""
    shutil.copytree(demo_settings.data_dir, tmp_path / "own")
    app = create_app(demo_settings.model_copy(update={"data_dir": tmp_path / "own"}))
    with TestClient(app) as client:
        yield client


def test_an_invitation_list_says_why_and_can_be_made_again(client: TestClient) -> None:
    url = f"/api/v1/needs/{NEED}/invitation-list"
    wishes = {"size": 4, "floors": {"small": 2}, "seed": 5}
    found = client.post(url, json=wishes).json()
    assert 0 < len(found["choices"]) <= 4
    assert len(found["covered"]) == len(found["aspects"]) > 1
    assert all(c["reasons"] and c["match"]["band"] != "weak" for c in found["choices"])
    sizes = [c["match"]["record"]["employees"] for c in found["choices"]]
    assert sum(s is not None and s < 50 for s in sizes) >= 2
    assert client.post(url, json=wishes).json() == found
    assert client.post(url, json={"size": 2, "floors": {"small": 3}}).status_code == 400
    assert client.post(url, json={"size": 0}).status_code == 422


def test_a_need_that_nobody_answers_is_said_to_be_one(client: TestClient) -> None:
    found = client.get("/api/v1/needs/none-n10/matches").json()
    assert found["no_good_match"]
    assert client.post("/api/v1/needs/none-n10/invitation-list", json={}).json()["no_good_match"]
    found = client.get(f"/api/v1/needs/{NEED}/matches").json()
    assert not found["no_good_match"]
    first = found["matches"][0]
    assert first["band"] == "strong"
    assert 0.5 < first["probability"] <= 1
    assert len(first["aspects"]) == len(found["aspects"])
    assert set(first["signals"]) == set(first["parts"])


def test_similar_needs_leave_out_the_buyers_own(client: TestClient) -> None:
    found = client.get(f"/api/v1/needs/{NEED}/similar", params={"k": 5}).json()
    ids = [m["record"]["id"] for m in found["matches"]]
    assert len(ids) == 5
    assert NEED not in ids
    own = {b["name"] for b in client.get(f"/api/v1/needs/{NEED}").json()["buyers"]}
    for match in found["matches"]:
        assert not own & {b["name"] for b in match["record"]["buyers"]}


def test_partners_and_hints(client: TestClient) -> None:
    first = client.get(f"/api/v1/needs/{NEED}/matches").json()["matches"][0]["record"]["id"]
    found = client.get(f"/api/v1/needs/{NEED}/partners/{first}").json()["partners"]
    assert found
    assert all(p["supplier_id"] != first and p["added"] > 0 for p in found)
    for hint in client.get(f"/api/v1/suppliers/{first}/hints").json():
        assert hint["aspects"]
    assert client.get(f"/api/v1/needs/{NEED}/partners/nobody").status_code == 404
    assert client.get("/api/v1/suppliers/nobody/hints").status_code == 404


def test_a_judgement_changes_the_next_ranking_and_can_be_taken_back(own: TestClient) -> None:
    def ids() -> list[str]:
        found = own.get(f"/api/v1/needs/{NEED}/matches", params={"k": 50}).json()
        return [m["record"]["id"] for m in found["matches"]]

    before = ids()
    url = f"/api/v1/needs/{NEED}/judgements"
    assert own.put(f"{url}/{before[0]}", json={"grade": "not"}).status_code == 204
    assert own.put(f"{url}/{before[3]}", json={"grade": "relevant"}).status_code == 204
    after = ids()
    assert after[0] == before[3]
    assert before[0] not in after
    for supplier in (before[0], before[3]):
        assert own.delete(f"{url}/{supplier}").status_code == 204
    assert ids() == before
    assert own.put(f"{url}/nobody", json={"grade": "not"}).status_code == 404
    assert own.put(f"{url}/{before[0]}", json={"grade": "best"}).status_code == 422
