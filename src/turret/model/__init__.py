"""Features, towers and losses as pure functions of their parameters."""
