"""Optimizers: of embedding tables, which touch only a batch's rows, and of dense parameters."""
