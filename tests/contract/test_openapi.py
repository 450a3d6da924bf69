"""Every route, asked with all that its schema allows: no crash, no answer outside the schema."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from matcher.settings import Settings
from tests.contract.test_access import ROWS, WHO, Scene, set_the_scene
from tests.world import world

EXAMPLES = 3
"""Cases a route; each is asked by everybody, with and without an account."""

CHECKS = (
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)


@pytest.fixture(scope="module")
def scene(demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("openapi") / "data"
    with world(demo_settings, folder) as here:
        yield set_the_scene(here)


@pytest.fixture(scope="module")
def operations(scene: Scene) -> dict[str, Any]:
    document = scene.world.anybody.get("/api/v1/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    found = [result.ok() for result in schema.get_all_operations()]
    return {f"{o.method.upper()} {o.path.removeprefix('/api/v1')}": o for o in found}


@pytest.mark.parametrize("row", ROWS)
def test_answers_keep_to_the_schema(scene: Scene, operations: dict[str, Any], row: str) -> None:
    operation = operations[row.partition("?")[0]]
    scene.restore()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(), st.booleans())
    def run(case: Any, real: bool) -> None:
        # Made-up ids find nothing: half of the time they are those of things that are there.
        if real:
            for name in case.path_parameters or {}:
                case.path_parameters[name] = _real(scene, row, name)
        for who in WHO:
            _ask(scene, case, who)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run()


def _real(scene: Scene, row: str, name: str) -> str:
    if name == "token":
        kind = next((k for k in ("answer", "stop", "feed") if f"/{k}" in row), "answer")
        return scene.ids[kind]
    return scene.ids[name]


def _ask(scene: Scene, case: Any, who: str) -> None:
    client = scene.world.anybody if who == "nobody" else scene.people[who].client
    values = case.as_transport_kwargs(base_url="http://testserver")
    # Made-up credentials are for whoever has none.
    drop = {"cookie"} if who == "nobody" else {"cookie", "authorization"}
    headers = {k: v for k, v in (values.get("headers") or {}).items() if k.lower() not in drop}
    headers["x-csrf-token"] = str(client.headers.get("x-csrf-token", ""))
    body = {"json": values["json"]} if "json" in values else {"content": values.get("data")}
    answer = client.request(
        values["method"], values["url"], params=values.get("params"), headers=headers,
        follow_redirects=False, **body,
    )  # fmt: skip
    case.validate_response(answer, checks=CHECKS)
