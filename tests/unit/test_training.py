"""The training, end to end on a handful of words."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from matcher.embed import Role, StaticEncoder
from matcher.errors import InputError
from matcher.training import teacher
from matcher.training.contrastive import (
    StaticTrainer,
    TrainingConfig,
    draw_pairs,
    piece_frequency,
    tokenise,
    train,
)
from matcher.training.corpus import Source, is_held_out, read_corpus
from matcher.training.recipe import Recipe, run
from matcher.training.tokenizer import TokenizerConfig, train_tokenizer

WORDS = {
    "en": [
        "ferry",
        "school",
        "bridge",
        "hospital",
        "snow",
        "bus",
        "water",
        "wood",
        "light",
        "bread",
    ],
    "nb": ["ferje", "skole", "bro", "sykehus", "snø", "buss", "vann", "tre", "lys", "brød"],
    "fi": ["lautta", "koulu", "silta", "sairaala", "lumi", "bussi", "vesi", "puu", "valo", "leipä"],
}


def _rows() -> list[tuple[str, str, str]]:
    """Two hundred made-up meanings: pairs of words, the same in each language."""
    rows = []
    for one in range(10):
        for other in range(10):
            for lang, words in WORDS.items():
                rows.append((f"{one}-{other}", lang, f"{words[one]} {words[other]}"))
    return rows


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    folder = tmp_path / "corpora"
    folder.mkdir()
    lines = ["key\tlang\ttext", *("\t".join(row) for row in _rows())]
    with gzip.open(folder / "pairs.tsv.gz", "wt", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    wide = ["en\tnb\tfi", *("\t".join(t) for t in zip(*WORDS.values(), strict=True))]
    (folder / "terms-all.tsv").write_text("\n".join(wide) + "\n", encoding="utf-8")
    return folder


CONFIG = """
seed = 1
[tokenizer]
kind = "{kind}"
vocabulary = 120
characters_per_language = 4000
[training]
dimensions = 16
batch = 32
passes = 6
learning_rate = 0.05
one_group = 0.5
{extra}
[finishing]
passes = 2
learning_rate = 0.01
sources = ["terms-*.tsv"]
[held_out]
"pairs.tsv.gz" = 0.2
[[sources]]
file = "pairs.tsv.gz"
weight = 2.0
licence = "none"
origin = "made up"
group = "pairs"
taught = 1.0
[[sources]]
file = "terms-*.tsv"
weight = 4.0
licence = "none"
origin = "made up"
group = "terms"
"""


def _recipe(tmp_path: Path, corpora: Path, kind: str = "unigram", extra: str = "") -> Recipe:
    path = tmp_path / "encoder.toml"
    path.write_text(CONFIG.format(kind=kind, extra=extra))
    return Recipe.read(path, [corpora])


@pytest.mark.parametrize("kind", ["unigram", "bpe", "wordpiece"])
def test_translations_never_seen_are_found(tmp_path: Path, corpora: Path, kind: str) -> None:
    events: list[str] = []
    out = tmp_path / "model"
    recipe = _recipe(tmp_path, corpora, kind)
    run(recipe, out, tmp_path / "work", lambda event, _: events.append(event))
    encoder = StaticEncoder(out)
    assert encoder.dimension == 16
    held_out = [k for k, *_ in _rows()[::3] if is_held_out(k, 0.2)]
    assert len(held_out) > 5
    texts = {lang: [t for k, g, t in _rows() if g == lang and k in held_out] for lang in WORDS}
    one, other = (encoder.encode(texts[lang], Role.TEXT) for lang in ("nb", "fi"))
    scores = one @ other.T
    # Word order is unknown to it: "ferry school" and "school ferry" are the same text.
    assert (scores.max(axis=1) - np.diag(scores) < 0.05).mean() > 0.8
    assert {"corpus", "tokens", "scores"} <= set(events)
    card = (out / "README.md").read_text()
    assert "made up" in card
    assert str(tmp_path) not in card


def test_a_run_that_was_cut_off_ends_as_if_it_had_not_been(tmp_path: Path, corpora: Path) -> None:
    sources = [Source(corpora / "pairs.tsv.gz", 1.0, "", "")]
    corpus, _ = read_corpus(sources)
    tokenizer = train_tokenizer(corpus, [1.0], TokenizerConfig("unigram", 120, 4000), 1)
    tokens = tokenise(corpus, tokenizer, 16)
    weights = np.ones(len(corpus))
    config = TrainingConfig(dimensions=8, batch=16, passes=4)

    def trained(stop_after: int | None) -> np.ndarray:
        checkpoint = tmp_path / f"{stop_after}.npz"
        trainer = StaticTrainer(tokenizer.get_vocab_size(), config, 1)
        steps = 0
        learn = trainer.learn

        def counted(*arguments: object) -> float:
            nonlocal steps
            steps += 1
            if stop_after is not None and steps > stop_after:
                raise KeyboardInterrupt
            return learn(*arguments)  # type: ignore[arg-type]

        trainer.learn = counted  # type: ignore[method-assign]
        try:
            train(trainer, corpus, tokens, weights, 1, lambda _: None, checkpoint)
        except KeyboardInterrupt:
            trainer = StaticTrainer(tokenizer.get_vocab_size(), config, 99)
            train(trainer, corpus, tokens, weights, 1, lambda _: None, checkpoint)
        return trainer.vectors.numpy()

    whole = trained(None)
    np.testing.assert_allclose(trained(len(corpus) // 16 * 2 + 1), whole, rtol=1e-5, atol=1e-6)


def test_texts_come_near_to_what_the_teacher_says(
    tmp_path: Path, corpora: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def taught(texts: list[str], _model: str) -> np.ndarray:
        asked.extend(texts)
        vectors = np.zeros((len(texts), 16), dtype=np.float16)
        vectors[:, 0] = 1
        return vectors

    monkeypatch.setattr(teacher, "_encode", taught)
    recipe = _recipe(tmp_path, corpora, extra="teacher_weight = 4.0")
    recipe = Recipe.read(tmp_path / "encoder.toml", [corpora], "a teacher")
    out = tmp_path / "model"
    run(recipe, out, tmp_path / "work", lambda *_: None)
    assert asked
    assert all(t.split()[0] in WORDS["en"] for t in asked)
    vectors = StaticEncoder(out).encode(["lautta koulu", "ferje skole"], Role.TEXT)
    assert (vectors[:, 0] > 0.5).all()
    assert "a teacher" in (out / "README.md").read_text()


def test_pairs_are_of_one_meaning_and_as_often_as_weighed(corpora: Path) -> None:
    corpus, _ = read_corpus([Source(corpora / "pairs.tsv.gz", 1.0, "", "")])
    tokenizer = train_tokenizer(corpus, [1.0], TokenizerConfig("unigram", 120, 4000), 1)
    tokens = tokenise(corpus, tokenizer, 16)
    weights = np.full(len(corpus), 2.5)
    pairs = draw_pairs(corpus, tokens, weights, 0.6, np.random.default_rng(1))
    owner = np.repeat(np.arange(len(corpus)), np.diff(corpus.starts))
    assert (owner[pairs[:, 0]] == owner[pairs[:, 1]]).all()
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert len(pairs) == pytest.approx(2.5 * len(corpus), rel=0.1)
    frequency = piece_frequency(corpus, tokens, weights, tokenizer.get_vocab_size())
    assert frequency.sum() == pytest.approx(1, abs=1e-4)


def test_a_file_that_is_nowhere_is_named(tmp_path: Path) -> None:
    path = tmp_path / "encoder.toml"
    path.write_text(CONFIG.format(kind="unigram", extra=""))
    with pytest.raises(InputError, match=r"pairs\.tsv\.gz"):
        Recipe.read(path, [tmp_path])
