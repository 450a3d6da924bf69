"""The HTTP API as outside programs rely on it."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from matcher.settings import Settings
from matcher.store import Store


def test_health_and_readiness(client: TestClient) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["generation"]


def test_a_service_without_an_index_lives_but_is_not_ready(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, _env_file=None)
    Store.create(settings.store_url).close()
    with TestClient(create_app(settings)) as empty:
        assert empty.get("/healthz").status_code == 200
        assert empty.get("/readyz").status_code == 503
        answer = empty.post("/api/v1/search", json={"text": "ferger"})
        assert answer.status_code == 503
        assert "samspill reindex" in answer.json()["detail"]
        assert empty.get("/").status_code == 200


def test_records_are_listed_and_found(client: TestClient) -> None:
    page = client.get("/api/v1/needs", params={"limit": 5, "offset": 2}).json()
    assert page["total"] == 68
    assert len(page["items"]) == 5
    one = page["items"][0]
    assert client.get(f"/api/v1/needs/{one['id']}").json() == one
    assert client.get("/api/v1/suppliers").json()["total"] == 306


def test_matches_both_ways(client: TestClient) -> None:
    found = client.get("/api/v1/needs/move-n1/matches", params={"k": 3}).json()
    assert [m["position"] for m in found["matches"]] == [1, 2, 3]
    scores = [m["score"] for m in found["matches"]]
    assert scores == sorted(scores, reverse=True)
    supplier = found["matches"][0]["record"]["id"]
    back = client.get(f"/api/v1/suppliers/{supplier}/matches").json()
    assert "move-n1" in [m["record"]["id"] for m in back["matches"]]


def test_search_takes_text_filters_and_side(client: TestClient) -> None:
    body = {"text": "sähköbussien latausta varikolla", "k": 4, "filters": {"countries": ["SE"]}}
    found = client.post("/api/v1/search", json=body).json()
    assert found["lang"] == "fi"
    assert {m["record"]["country"] for m in found["matches"]} == {"SE"}
    offer = {"text": "Vi bygger ladestasjoner for busser", "kind": "supplier"}
    needs = client.post("/api/v1/search", json=offer).json()
    assert all("buyers" in m["record"] for m in needs["matches"])


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [("GET", "/api/v1/needs/nothing", None, 404), ("GET", "/api/v1/nothing", None, 404),
     ("GET", "/api/v1/needs/move-n1/matches?k=0", None, 422),
     ("GET", "/api/v1/needs/move-n1/matches?k=1000000000", None, 422),
     ("GET", "/api/v1/needs/move-n1/matches?country=Atlantis", None, 400),
     ("GET", "/api/v1/needs/move-n1/matches?cpv=x", None, 400),
     ("GET", "/api/v1/needs?offset=-1", None, 422), ("DELETE", "/api/v1/needs", None, 405),
     ("POST", "/api/v1/search", {}, 422), ("POST", "/api/v1/search", {"text": ""}, 422),
     ("POST", "/api/v1/search", {"text": "12345 !!"}, 400),
     ("POST", "/api/v1/search", {"text": "x", "lang": "xx"}, 422),
     ("POST", "/api/v1/search", {"text": "x", "colour": 1}, 422),
     ("POST", "/api/v1/search", {"text": "x" * 100_001}, 422),
     ("POST", "/api/v1/search", "not an object", 422)],
)  # fmt: skip
def test_errors_have_one_shape(
    client: TestClient, method: str, path: str, body: object, status: int
) -> None:
    answer = client.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "errors"}
    assert problem["status"] == status
    assert problem["detail"]


def test_contact_persons_are_in_no_answer(client: TestClient) -> None:
    assert "contact" not in client.get("/api/v1/needs/move-n1").text
    assert '"contact"' not in client.get("/api/v1/openapi.json").text


def test_metrics_name_routes_not_ids(client: TestClient) -> None:
    client.get("/api/v1/needs/move-n1")
    text = client.get("/metrics").text
    assert "samspill_requests_total" in text
    assert "samspill_ready 1.0" in text
    assert "move-n1" not in text
