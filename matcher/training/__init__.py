"""Training of the bundled encoder: parallel text in, a sentence-transformers folder out."""
