"""What is installed, what is missing and how to get it, and which devices there are."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import msgspec

from turret.cores import cores
from turret.errors import installation

__all__ = ["Diagnosis", "Part", "diagnose"]

_CORE = (
    "turret",
    "jax",
    "jaxlib",
    "equinox",
    "optax",
    "numpy",
    "polars",
    "msgspec",
    "safetensors",
    "typer",
    "rich",
)
# What it is for, the distribution, the extra that brings it.
_OPTIONAL = (
    ("approximate search", "scann", None),
    ("approximate search", "faiss-cpu", "faiss"),
    ("TensorBoard logs", "tensorboardX", "tensorboard"),
    ("tuning", "optuna", "tune"),
    ("Qdrant", "qdrant-client", "qdrant"),
    ("PostgreSQL with pgvector", "psycopg", "pgvector"),
)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """An optional part.

    Args:
        name: the distribution's name.
        purpose: what it is for.
        version: the installed version; None when it is missing.
        install: the command that brings it; None when it is there or cannot be had here.
    """

    name: str
    purpose: str
    version: str | None
    install: str | None


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an installation.

    Args:
        system: operating system, processor, Python and processor count.
        versions: version by name of what Turret always needs; None where it is missing.
        devices: the devices that JAX computes on.
        optional: the optional parts.
    """

    system: dict[str, str | int | None]
    versions: dict[str, str | None]
    devices: list[str]
    optional: list[Part]

    @property
    def missing(self) -> list[str]:
        """Names of what Turret always needs and is not there."""
        return [name for name, found in self.versions.items() if found is None]


def diagnose() -> Diagnosis:
    """Look at the installation this process runs in.

    Returns:
        What was found. Nothing is changed.

    Example:
        >>> diagnose().missing
        []
    """
    return Diagnosis(
        system={
            "python": platform.python_version(),
            "executable": sys.executable,
            "platform": platform.platform(),
            "machine": platform.machine(),
            "cpus": cores(),
        },
        versions={name: _version(name) for name in _CORE},
        devices=_devices(),
        optional=[_part(*row) for row in _OPTIONAL],
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _part(purpose: str, name: str, extra: str | None) -> Part:
    found = _version(name)
    install = None if found is not None or extra is None else installation(extra)
    return Part(name=name, purpose=purpose, version=found, install=install)


def _devices() -> list[str]:
    try:
        import jax

        return [f"{device.platform}:{device.id} {device.device_kind}" for device in jax.devices()]
    except (ImportError, RuntimeError) as error:
        return [f"none: {error}"]
