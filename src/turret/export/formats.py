"""The formats that a bundle is exported to, by name."""

import importlib
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, cast

from turret.errors import ExportError, MissingPartError, nearest
from turret.storage import sealed

__all__ = ["FORMATS", "SEALED", "Format", "Writer", "export"]

SEALED = sealed.Format("turret-export", version=1, noun="export", error=ExportError)
"""The directory of an export: a manifest names its files, with the SHA-256 of each."""


class Writer(Protocol):
    """What the module of a format has: the function `fill`."""

    def fill(self, source: Path, directory: Path, *, k: int) -> None:
        """Write the files of an export.

        Args:
            source: the directory of the bundle.
            directory: an empty directory, which takes the place of the export when it is whole.
            k: how many answers there are where a caller does not say.
        """
        ...


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        module: the module that writes it, a `Writer`.
        libraries: what it imports beside Turret's own requirements.
        extra: the extra that brings these; None where there are none.
    """

    module: str
    libraries: tuple[str, ...] = ()
    extra: str | None = None


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "saved-model": Format(
            "turret.export.tensorflow.saved_model", ("tensorflow",), "tensorflow"
        ),
        "onnx": Format("turret.export.onnx.models", ("onnx",), "onnx"),
        "vectors": Format("turret.export.vectors"),
    }
)
"""Every format by the name that `turret export --format` takes."""


def export(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    format: str,
    k: int = 10,
) -> Path:
    """Write a bundle in the format of another stack.

    Args:
        source: the directory of the bundle.
        output: the directory that is written. It appears whole or not at all, and replaces an
            export that stands there.
        format: a name of `FORMATS`.
        k: how many answers there are where a caller of the exported model does not say.

    Returns:
        The absolute path of the directory.

    Raises:
        ExportError: if there is no such format, the bundle has what it cannot hold, or something
            stands at `output` that is no export.
        MissingPartError: if a library that it takes is not installed.
        BundleError: if there is no bundle, or it is damaged.
    """
    kind = FORMATS.get(format)
    if kind is None:
        raise ExportError("there is no such format", got=format, fix=nearest(format, FORMATS))
    if k < 1:
        raise ExportError("k", got=k, expected="at least 1")
    for library in kind.libraries:
        if importlib.util.find_spec(library) is None:
            assert kind.extra is not None  # a format of libraries has one
            raise MissingPartError(library, extra=kind.extra)
    sealed.require_free(Path(output), SEALED)
    writer = cast("Writer", importlib.import_module(kind.module))
    fill = writer.fill
    return sealed.seal(Path(output), SEALED, fill=lambda folder: fill(Path(source), folder, k=k))
