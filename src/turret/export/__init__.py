"""Exports: a model in the formats of other stacks, with the same meaning."""
