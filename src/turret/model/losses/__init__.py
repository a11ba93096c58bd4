"""Losses over a batch of distinct queries, distinct candidates and the pairs between them."""
