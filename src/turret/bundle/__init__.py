"""The bundle: the directory that a training writes and everything later reads."""
