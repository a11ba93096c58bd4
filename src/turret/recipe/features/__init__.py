"""The features of a tower: which columns it reads, and how each becomes a vector."""
