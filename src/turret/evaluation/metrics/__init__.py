"""Metrics: pure NumPy functions of ranks, of lists, and what joins their values to figures."""
