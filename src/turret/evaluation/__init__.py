"""Ranking metrics, baselines and the report that shows them together."""
