"""Encoders: texts in, unit vectors out.

The seam is small: :class:`Encoder` encodes and has a fingerprint. :class:`StaticEncoder` runs
the bundled model, and any other static one, without loading PyTorch;
:class:`SentenceTransformerEncoder` runs everything else that sentence-transformers can load.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.sparse import csr_array
from tokenizers import Tokenizer

from matcher.errors import SettingsError
from matcher.text import tokens

BUNDLED = Path(__file__).parent / "model"
"""Folder of the bundled model."""

_COMMON = 1e-4
"""Share in running text above which a piece counts less than half in a search by topic."""

_BATCH = 8192
_REMEMBERED_WORDS = 2_000_000

Vectors = NDArray[np.float32]


class Role(StrEnum):
    """What a text is encoded for.

    ``query`` and ``passage`` are the two sides of a search by topic; ``text`` is compared with
    its like, word for word, as a translation is.
    """

    QUERY = "query"
    PASSAGE = "passage"
    TEXT = "text"


class Encoder(Protocol):
    """Turns texts into unit vectors.

    Attributes:
        dimension: Length of a vector.
        fingerprint: Changes whenever the vectors may: an index belongs to one fingerprint.
        name: For people.
    """

    dimension: int
    fingerprint: str
    name: str

    def encode(self, texts: Sequence[str], role: Role = Role.PASSAGE) -> Vectors:
        """Encode texts: float32[len(texts), dimension], each row of length one (or zero)."""
        ...


class StaticEncoder:
    """A static model: a text is the sum of its subwords' vectors, normalised.

    Reads the sentence-transformers form (``StaticEmbedding``, plain or quantised with a weight
    per row). A word's pieces do not depend on its neighbours, so each distinct word is cut
    once and remembered; what is left per text is one row of a sparse product. In a search by
    topic a piece of frequency p counts a / (a + p) (smooth inverse frequency; Arora et al. 2017),
    if the model says how frequent its pieces are.

    Args:
        folder: Of the model.

    Attributes:
        tokenizer: Cuts words into pieces.
        table: float32[pieces, dimension], a vector a piece.
        frequency: float32[pieces], share in running text; zeros if the model does not say.

    Raises:
        SettingsError: The folder holds no static model.
    """

    def __init__(self, folder: Path) -> None:
        module = _static_module(folder)
        if module is None:
            raise SettingsError(f"{folder} holds no static sentence-transformers model")
        self.name = "bundled" if folder == BUNDLED else str(folder)
        self.fingerprint = fingerprint(folder)
        self.tokenizer = Tokenizer.from_file(str(module / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        tensors = load_file(module / "model.safetensors")
        self.table = _table(tensors)
        self.frequency = tensors.get("frequency", np.zeros(len(self.table), dtype=np.float32))
        self._weights = np.float32(_COMMON) / (np.float32(_COMMON) + self.frequency)
        self.dimension = int(self.table.shape[1])
        self._words = _Words()
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str], role: Role = Role.PASSAGE) -> Vectors:
        """Encode texts; query and passage alike."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            cut = [tokens(t) for t in texts[start : start + _BATCH]]
            vectors[start : start + _BATCH] = normalise(self._sums(cut, role))
        return vectors

    def encode_words(self, words: Sequence[str]) -> Vectors:
        """Encode single folded words: float32[len(words), dimension], unit rows.

        The same vectors as :meth:`encode` gives to a text, without looking for words first.
        """
        return normalise(self._sums([(w,) for w in words], Role.TEXT))

    def _sums(self, cut: Sequence[Sequence[str]], role: Role) -> Vectors:
        """Sum the vectors of all pieces of all words of each text."""
        flat = list(chain.from_iterable(cut))
        with self._lock:
            words = self._words
            if len(words) > _REMEMBERED_WORDS:
                words = self._words = _Words()
            if unknown := [w for w in dict.fromkeys(flat) if w not in words.numbers]:
                found = self.tokenizer.encode_batch_fast(unknown, add_special_tokens=False)
                words.learn(unknown, [e.ids for e in found])
            numbers = np.fromiter(map(words.numbers.__getitem__, flat), np.int64, len(flat))
            pieces, piece_counts = words.pieces_of(numbers)
        # Pieces of a text lie side by side: its row ends where its last word's pieces end.
        word_ends = np.concatenate([[0], np.cumsum(piece_counts)])
        text_ends = np.concatenate([[0], np.cumsum([len(words) for words in cut])]).astype(np.int64)
        weights = (
            np.ones(len(pieces), dtype=np.float32) if role is Role.TEXT else self._weights[pieces]
        )
        shape = (len(cut), len(self.table))
        return np.asarray(csr_array((weights, pieces, word_ends[text_ends]), shape) @ self.table)


class _Words:
    """The pieces of every word seen, as growing arrays."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self._pieces = np.zeros(1 << 16, dtype=np.int32)
        self._starts = np.zeros(1 << 16, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.numbers)

    def learn(self, words: Sequence[str], pieces: Sequence[Sequence[int]]) -> None:
        """Add words that are not known yet."""
        first = len(self.numbers)
        self.numbers.update(zip(words, range(first, first + len(words)), strict=True))
        ends = self._starts[first] + np.cumsum([len(p) for p in pieces])
        self._starts = _with_room(self._starts, first + len(words) + 1)
        self._pieces = _with_room(self._pieces, int(ends[-1]))
        self._pieces[self._starts[first] : ends[-1]] = list(chain.from_iterable(pieces))
        self._starts[first + 1 : first + len(words) + 1] = ends

    def pieces_of(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the pieces of words, side by side, and how many each has."""
        begin = self._starts[numbers]
        count = self._starts[numbers + 1] - begin
        before = np.cumsum(count) - count
        return self._pieces[np.repeat(begin - before, count) + np.arange(count.sum())], count


def _with_room(array: NDArray[Any], size: int) -> NDArray[Any]:
    if size <= len(array):
        return array
    larger = np.zeros(max(size, 2 * len(array)), dtype=array.dtype)
    larger[: len(array)] = array
    return larger


class SentenceTransformerEncoder:
    """Any model sentence-transformers can load, by name or path.

    Query and passage prompts, pooling, truncation and normalisation are the model's own.

    Args:
        name: Of the model, or its path.
        dimensions: Leading dimensions to keep, of a model trained for it; all if not given.
        backend: ``torch``, ``onnx`` or ``openvino``, as sentence-transformers calls them.

    Raises:
        SettingsError: The model cannot be loaded.
    """

    def __init__(self, name: str, dimensions: int | None = None, backend: str = "torch") -> None:
        # Seconds to import, so only where such a model is used.
        from sentence_transformers import SentenceTransformer

        try:
            self._model = SentenceTransformer(name, truncate_dim=dimensions, backend=backend)
        except Exception as error:
            raise SettingsError(
                f"the encoder {name!r} cannot be loaded ({error}); SAMSPILL_ENCODER takes "
                "`bundled`, the path of a model, or a name on a hub this machine can reach"
            ) from error
        dimension = self._model.get_embedding_dimension()
        if dimension is None:
            raise SettingsError(f"the encoder {name!r} does not say its dimension")
        self.name = name
        self.dimension = int(dimension)
        self.fingerprint = fingerprint(_local_folder(name))
        if dimensions is not None or backend != "torch":
            self.fingerprint = f"{self.fingerprint[:12]}-{self.dimension}-{backend}"

    def encode(self, texts: Sequence[str], role: Role = Role.PASSAGE) -> Vectors:
        """Encode texts with the prompt of their role, if the model has one."""
        encode = {
            Role.QUERY: self._model.encode_query,
            Role.PASSAGE: self._model.encode_document,
            Role.TEXT: self._model.encode,
        }[role]
        vectors = encode(list(texts), batch_size=64, convert_to_numpy=True, show_progress_bar=False)
        return normalise(np.asarray(vectors, dtype=np.float32).reshape(-1, self.dimension))


def load_encoder(name: str) -> StaticEncoder | SentenceTransformerEncoder:
    """Load an encoder by what ``SAMSPILL_ENCODER`` says: ``bundled``, a path, or a name.

    A path or name may say how to run it: ``intfloat/multilingual-e5-base?backend=onnx``,
    ``MODEL?dimensions=256``.

    Raises:
        SettingsError: It cannot be loaded.
    """
    name, _, query = name.partition("?")
    options = dict(parse_qsl(query))
    if options.keys() - {"dimensions", "backend"} or not options.get("dimensions", "1").isdigit():
        raise SettingsError(f"encoder options {query!r}: expected dimensions=N or backend=NAME")
    folder = BUNDLED if name == "bundled" else Path(name)
    if not options and folder.is_dir() and _static_module(folder) is not None:
        return StaticEncoder(folder)
    if name == "bundled":
        raise SettingsError(f"the bundled model is missing from {BUNDLED}: reinstall samspill")
    dimensions = int(options["dimensions"]) if "dimensions" in options else None
    return SentenceTransformerEncoder(name, dimensions, options.get("backend", "torch"))


def load_word_encoder(encoder: Encoder) -> StaticEncoder:
    """Return the encoder of single words for an encoder of texts.

    Words are compared with static vectors whatever encodes the texts: the encoder itself if it
    is static, else the bundled one.
    """
    return encoder if isinstance(encoder, StaticEncoder) else StaticEncoder(BUNDLED)


def normalise(vectors: Vectors) -> Vectors:
    """Scale rows to length one; rows of zeros stay."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return np.asarray(scaled, dtype=np.float32)


def fingerprint(folder: Path) -> str:
    """Return a digest over names and bytes of all files of a model, 16 hex digits."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if path.suffix in (".md", ".py", ".pyc"):
            continue
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _static_module(folder: Path) -> Path | None:
    """Folder of the static module, if that is what the model consists of."""
    try:
        modules: list[dict[str, Any]] = json.loads((folder / "modules.json").read_text())
    except (OSError, ValueError):
        return None
    if not modules or not modules[0].get("type", "").endswith("StaticEmbedding"):
        return None
    if any(not m["type"].endswith("Normalize") for m in modules[1:]):
        return None
    module = folder / str(modules[0].get("path", ""))
    return module if (module / "tokenizer.json").exists() else None


def _table(tensors: dict[str, NDArray[Any]]) -> Vectors:
    if "embedding.weight" in tensors:
        return np.asarray(tensors["embedding.weight"], dtype=np.float32)
    table: Vectors = tensors["embeddings"].astype(np.float32)
    if "mapping" in tensors:
        table = table[tensors["mapping"]]
    if "weights" in tensors:
        table *= tensors["weights"].astype(np.float32)[:, None]
    return table


def _local_folder(name: str) -> Path:
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(name, local_files_only=True))
