"""The bodies of a tower: what stands between its features and its vector."""
