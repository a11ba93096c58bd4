"""Answers over HTTP: a bundle behind an endpoint that is fast, boring and safe."""
