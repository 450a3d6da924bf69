"""What the sources add to the HTTP API and the pages."""

from fastapi.testclient import TestClient


def test_codes_have_names_in_the_readers_language(client: TestClient) -> None:
    divisions = client.get("/api/v1/cpv", params={"lang": "nn"}).json()
    assert len(divisions) == 45
    assert {"code": "60000000", "name": "Transport av personar og gods"} in divisions
    (one,) = client.get("/api/v1/cpv", params={"lang": "de", "code": "48000000-8"}).json()
    assert one == {"code": "48000000", "name": "Software"}
    assert client.get("/api/v1/cpv", params={"code": "99"}).status_code == 400
    assert client.get("/api/v1/cpv", params={"lang": "xx"}).status_code == 400


def test_pages_name_the_codes(client: TestClient) -> None:
    page = client.get("/needs/move-n1", params={"language": "fi"})
    assert page.status_code == 200
    assert "Henkilö- ja tavarakuljetukset (60100000)" in page.text


def test_history_is_there_and_empty_for_the_sample(client: TestClient) -> None:
    assert client.get("/api/v1/suppliers/move-s1/wins").json() == []
    assert client.get("/api/v1/suppliers/nobody/wins").status_code == 404
    supplier = client.get("/api/v1/suppliers/move-s1").json()
    assert supplier["size"] in ("", "micro", "small", "medium", "large")
    need = client.get("/api/v1/needs/move-n1").json()
    assert need["earlier_notices"] == []
