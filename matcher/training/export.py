"""From trained vectors to a model folder in sentence-transformers form."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer

_MODULE = "0_StaticEmbedding"
_TYPES = "sentence_transformers.sentence_transformer.modules"


def quantise(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Quantise rows to int8 with one weight a row: ``row * weight`` gives it back nearly."""
    weights = np.abs(vectors).max(axis=1) / 127
    weights[weights == 0] = 1
    return (
        np.rint(vectors / weights[:, None]).astype(np.int8),
        weights.astype(np.float32),
    )


def save_model(
    folder: Path,
    tokenizer: Tokenizer,
    vectors: NDArray[np.float32],
    frequency: NDArray[np.float32],
    card: str,
) -> None:
    """Write a model folder that sentence-transformers and :class:`StaticEncoder` load.

    Args:
        folder: Made if need be; files of a former model are replaced.
        tokenizer: Its vocabulary has one id a row of ``vectors``.
        vectors: float32[vocabulary, dimensions].
        frequency: float32[vocabulary], share of each piece in running text.
        card: The README, with data, recipe, scores and limits.
    """
    module = folder / _MODULE
    module.mkdir(parents=True, exist_ok=True)
    (folder / "1_Normalize").mkdir(exist_ok=True)
    tokenizer.save(str(module / "tokenizer.json"), pretty=False)
    rows, weights = quantise(vectors)
    tensors = {"embeddings": rows, "weights": weights, "frequency": frequency}
    save_file(tensors, module / "model.safetensors")
    modules = [
        {
            "idx": 0,
            "name": "0",
            "path": _MODULE,
            "type": f"{_TYPES}.static_embedding.StaticEmbedding",
        },
        {"idx": 1, "name": "1", "path": "1_Normalize", "type": f"{_TYPES}.normalize.Normalize"},
    ]
    _write_json(folder / "modules.json", modules)
    _write_json(
        folder / "config_sentence_transformers.json",
        {"model_type": "SentenceTransformer", "similarity_fn_name": "cosine"},
    )
    _write_json(folder / "1_Normalize" / "config.json", {})
    (folder / "README.md").write_text(card, encoding="utf-8")


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
