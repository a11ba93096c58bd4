"""The recipe: the frozen configuration of one training, the same from TOML and from Python."""
