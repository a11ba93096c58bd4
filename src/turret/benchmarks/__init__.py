"""Benchmarks that need no peer: what `turret bench` measures on the machine it runs on."""
