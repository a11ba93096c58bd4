"""Simple recommenders that every report shows beside the model: what it must at least beat."""
