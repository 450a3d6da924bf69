import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from matcher.embed import BUNDLED, Role, StaticEncoder, fingerprint, load_encoder
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
    np.testing.assert_allclose(encoder.encode(texts, Role.TEXT), theirs, atol=1e-6)


def test_a_words_vector_is_that_of_the_text_it_makes(encoder: StaticEncoder) -> None:
    words = ["skolebuss", "utsläppsfri", "kaukolämpö"]
    vectors = encoder.encode(words, Role.TEXT)
    np.testing.assert_allclose(encoder.encode_words(words), vectors, atol=1e-6)


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


def test_common_words_count_less_in_a_search_by_topic(encoder: StaticEncoder) -> None:
    texts = ["we would like to have it here", "ferries"]
    plain = encoder.encode(texts, Role.TEXT)
    topic = encoder.encode([" ".join(texts)], Role.PASSAGE)[0]
    whole = encoder.encode([" ".join(texts)], Role.TEXT)[0]
    assert topic @ plain[1] > whole @ plain[1]
    assert (encoder.encode(texts, Role.QUERY) == encoder.encode(texts, Role.PASSAGE)).all()


@pytest.fixture(scope="module")
def transformer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of a transformer of a few thousand weights, with prompts for query and passage."""
    with warnings.catch_warnings():
        # What other libraries deprecate among themselves.
        warnings.simplefilter("ignore")
        return _make_transformer(tmp_path_factory.mktemp("transformer"))


def _make_transformer(folder: Path) -> str:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "query", "passage", ":", "clean", "ferries"]
    tokenizer = Tokenizer(models.WordLevel({w: n for n, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    BertModel(shape).save_pretrained(folder / "base")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    ).save_pretrained(folder / "base")
    prompts = {"query": "query : ", "document": "passage : "}
    modules = [Transformer(str(folder / "base")), Pooling(16)]
    model = SentenceTransformer(modules=modules, prompts=prompts, device="cpu")
    model.save(str(folder / "model"))
    return str(folder / "model")


@pytest.mark.filterwarnings("ignore")
def test_a_transformer_takes_its_place_with_its_prompts(transformer: str) -> None:
    found = load_encoder(transformer)
    assert found.dimension == 16
    query, passage, text = (found.encode(["clean ferries"], role)[0] for role in Role)
    assert not np.allclose(query, passage)
    assert not np.allclose(query, text)
    assert (found.encode(["passage : clean ferries"], Role.TEXT)[0] == passage).all()
    assert np.linalg.norm(query) == pytest.approx(1)


@pytest.mark.filterwarnings("ignore")
def test_a_transformer_may_be_cut_to_leading_dimensions(transformer: str) -> None:
    whole, short = load_encoder(transformer), load_encoder(f"{transformer}?dimensions=8")
    assert short.dimension == 8
    assert short.fingerprint != whole.fingerprint
    one = whole.encode(["clean"])[0, :8]
    assert short.encode(["clean"])[0] == pytest.approx(one / np.linalg.norm(one), abs=1e-5)
    with pytest.raises(SettingsError, match="dimensions=N"):
        load_encoder(f"{transformer}?size=8")
