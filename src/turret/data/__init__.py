"""Data: sources, tables, vocabularies, splits and batches. Nothing here imports JAX."""
