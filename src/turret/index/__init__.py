"""The nearest candidates of a query vector, exact or approximate."""
