import shutil
from pathlib import Path

import numpy as np
import pytest

from matcher.embed import BUNDLED, StaticEncoder, fingerprint, load_encoder
from matcher.errors import SettingsError

TEXTS = ["Utslippsfri levering til skoler i 2027", "Päästötön kuljetus", "", "?!", "a\x00b ﬁn ÆØÅ",
         "Straße–Fähre (B2B), 3,5 %", "word " * 500]  # fmt: skip


def test_rows_are_unit_vectors_or_zero(encoder: StaticEncoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.dtype == np.float32
    lengths = np.linalg.norm(vectors, axis=1)
    assert lengths[[2, 3]].tolist() == [0, 0]
    np.testing.assert_allclose(np.delete(lengths, [2, 3]), 1, rtol=1e-5)


def test_the_same_vectors_as_sentence_transformers_gives(encoder: StaticEncoder) -> None:
    from sentence_transformers import SentenceTransformer

    texts = [t for t in TEXTS if t.strip(" ?!")]
    theirs = SentenceTransformer(str(BUNDLED), device="cpu").encode(texts)
    np.testing.assert_allclose(encoder.encode(texts), theirs, atol=1e-6)


def test_a_words_vector_is_that_of_the_text_it_makes(encoder: StaticEncoder) -> None:
    words = ["skolebuss", "utsläppsfri", "kaukolämpö"]
    np.testing.assert_allclose(encoder.encode_words(words), encoder.encode(words), atol=1e-6)


def test_batches_do_not_change_the_result(encoder: StaticEncoder) -> None:
    many = [f"tekst nummer {n} om buss og ferje" for n in range(9000)]
    whole = encoder.encode(many)
    np.testing.assert_allclose(whole[8500:], encoder.encode(many[8500:]), atol=1e-6)


def test_the_bundled_model_knows_translations(encoder: StaticEncoder) -> None:
    one = encoder.encode_words(["avfall", "skole", "sykehus", "vann"])
    other = encoder.encode_words(["jäte", "koulu", "sairaala", "vesi"])
    assert (one @ other.T).argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_the_bundled_model_is_small() -> None:
    size = sum(p.stat().st_size for p in BUNDLED.rglob("*") if p.is_file())
    assert size <= 40_000_000


def test_any_byte_changes_the_fingerprint(tmp_path: Path) -> None:
    shutil.copytree(BUNDLED, tmp_path / "m")
    before = fingerprint(tmp_path / "m")
    assert before == fingerprint(BUNDLED)
    weights = next((tmp_path / "m").rglob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert fingerprint(tmp_path / "m") != before


def test_a_model_that_is_not_there_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SettingsError, match="SAMSPILL_ENCODER"):
        load_encoder("./no-such-model")


def test_a_static_model_is_read_by_path(tmp_path: Path, encoder: StaticEncoder) -> None:
    shutil.copytree(BUNDLED, tmp_path / "m")
    found = load_encoder(str(tmp_path / "m"))
    assert isinstance(found, StaticEncoder)
    np.testing.assert_array_equal(found.encode(["Fähre"]), encoder.encode(["Fähre"]))
