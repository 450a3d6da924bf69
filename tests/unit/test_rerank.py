from pathlib import Path

import numpy as np
import pytest

from matcher.errors import SettingsError
from matcher.pipeline import Hit
from matcher.records import Kind
from matcher.rerank import load_reranker, rerank
from matcher.service import Service
from matcher.settings import Settings


def _hits(count: int) -> list[Hit]:
    return [Hit(f"s{n}", n + 1, -float(n), {}, {}) for n in range(count)]


def test_a_place_counts_in_both_orders() -> None:
    found = rerank(_hits(4), np.array([0.1, 0.2, 0.9], dtype=np.float32))
    assert [h.record_id for h in found] == ["s0", "s2", "s1", "s3"]
    assert [h.position for h in found] == [1, 2, 3, 4]
    assert found[1].parts == {"reranker": pytest.approx(0.9)}
    assert found[3].parts == {}
    agreeing = rerank(_hits(3), np.array([3, 2, 1], dtype=np.float32))
    assert [h.record_id for h in agreeing] == ["s0", "s1", "s2"]


def test_the_service_uses_the_one_that_is_set(
    demo_settings: Settings, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prefer_the_last(_query: str, texts: list[str]) -> np.ndarray:
        return np.arange(len(texts), dtype=np.float32)

    monkeypatch.setattr("matcher.service.load_reranker", lambda _: prefer_the_last)
    other = Service(demo_settings.model_copy(update={"reranker": "made-up"}))
    found = other.match_record(Kind.NEED, "move-n1", 10).matches
    assert len(found) == 10
    assert all("reranker" in m.hit.parts for m in found)
    plain = service.match_record(Kind.NEED, "move-n1", 10).matches
    assert [m.record.id for m in found] != [m.record.id for m in plain]
    other.close()


@pytest.mark.filterwarnings("ignore")
def test_one_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no-such-model"):
        load_reranker(str(tmp_path / "no-such-model"))
