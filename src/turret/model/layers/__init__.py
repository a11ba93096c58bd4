"""Layers: what the bodies of a tower are made of, each for rows of numbers."""
