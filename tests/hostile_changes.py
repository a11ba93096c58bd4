"""Changes of a bundle by somebody who means ill, with and without the manifest that fits."""

import base64
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.numpy

from turret.bundle.bundle import FORMAT
from turret.storage import sealed

Attack = Callable[[Path], object]


def resealed(bundle: Path, place: Path, attack: Attack) -> Path:
    """A copy of a bundle, changed, with a manifest that fits."""

    def fill(directory: Path) -> None:
        shutil.copytree(bundle, directory, dirs_exist_ok=True)
        (directory / "manifest.json").unlink()
        attack(directory)

    return sealed.seal(place, FORMAT, fill=fill)


def copied(bundle: Path, place: Path, attack: Attack) -> Path:
    """A copy of a bundle, changed, with the manifest that it had."""
    shutil.copytree(bundle, place)
    attack(place)
    return place


def header(text: bytes, *, length: int | None = None) -> bytes:
    """The beginning of a safetensors file."""
    return struct.pack("<Q", len(text) if length is None else length) + text


def tensor(name: str, entry: dict[str, object], data: bytes = b"") -> Attack:
    """A safetensors file with one tensor, as a header says."""
    text = json.dumps({"candidates": entry}).encode()
    return lambda p: (p / name).write_bytes(header(text) + data)


def other_tensor(name: str, key: str, change: Callable[[np.ndarray], np.ndarray]) -> Attack:
    """Another array in the place of one."""

    def attack(p: Path) -> None:
        arrays = safetensors.numpy.load_file(p / name)
        arrays[key] = np.ascontiguousarray(change(arrays[key]))
        safetensors.numpy.save_file(arrays, p / name)

    return attack


def put(number: object, *at: int) -> Callable[[np.ndarray], np.ndarray]:
    """An array with another number at a place."""

    def change(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[at] = number
        return array

    return change


def other_column(name: str, column: str, values: pl.Expr) -> Attack:
    """Another column in the place of one."""

    def attack(p: Path) -> None:
        table = pl.read_parquet(p / name)
        table.with_columns(values.alias(column)).write_parquet(p / name)

    return attack


def other_json(name: str, change: Callable[[dict], object]) -> Attack:
    """A JSON file in which something is changed."""

    def attack(p: Path) -> None:
        value = json.loads((p / name).read_bytes())
        change(value)
        (p / name).write_text(json.dumps(value))

    return attack


def text(name: str, content: bytes) -> Attack:
    """Other bytes in the place of a file's."""
    return lambda p: (p / name).write_bytes(content)


def bomb_of_pages(name: str) -> Attack:
    """Hundreds of megabytes of zeros in some kilobytes."""

    def attack(p: Path) -> None:
        part = pa.table({"user": pa.array(["\0" * (1 << 25)])})
        with pq.ParquetWriter(
            p / name, part.schema, compression="zstd", use_dictionary=False, write_statistics=False
        ) as writer:
            for _ in range(9):
                writer.write_table(part)

    return attack


def bomb_of_rows(name: str, rows: int = 20_000_000) -> Attack:
    """Millions of rows that are all alike, in a few kilobytes."""

    def attack(p: Path) -> None:
        nothing = pa.nulls(rows // 10, pa.string())
        with pq.ParquetWriter(p / name, pa.schema([("user", pa.string())])) as writer:
            for _ in range(10):
                writer.write_table(pa.table({"user": nothing}))

    return attack


def repeated_text(name: str) -> Attack:
    """One text of a megabyte, and thousands of rows that hold it."""

    def attack(p: Path) -> None:
        long = pa.DictionaryArray.from_arrays(pa.array([0] * 2000), pa.array(["x" * (1 << 20)]))
        table = pa.table({"film": long})
        pq.write_table(table, p / name, compression="zstd", store_schema=False)

    return attack


def wide_arrays(name: str) -> Attack:
    """A missing array of a thousand million numbers."""

    def attack(p: Path) -> None:
        kind = pa.list_(pa.float64(), 1_000_000_000)
        plain = pa.table({"user": pa.nulls(40, pa.list_(pa.float64()))})
        noted = pa.schema([("user", kind)]).serialize().to_pybytes()
        metadata = {b"ARROW:schema": base64.b64encode(noted)}
        with pq.ParquetWriter(p / name, plain.schema, store_schema=False) as writer:
            writer.write_table(plain)
            writer.add_key_value_metadata(metadata)

    return attack


def deep_schema(name: str) -> Attack:
    """Lists in lists in lists."""

    def attack(p: Path) -> None:
        kind = pa.int8()
        for _ in range(40):
            kind = pa.list_(kind)
        pq.write_table(pa.table({"user": pa.nulls(1, kind)}), p / name)

    return attack


def prefixes(name: str) -> Attack:
    """Texts that are all the beginning of the one before."""

    def attack(p: Path) -> None:
        table = pa.table({"user": pa.array(["x" * 1000] * 1000)})
        encoding = {"user": "DELTA_BYTE_ARRAY"}
        pq.write_table(table, p / name, use_dictionary=False, column_encoding=encoding)

    return attack


def sparse(name: str, length: int) -> Attack:
    """Gigabytes that take no room on the disk."""

    def attack(p: Path) -> None:
        with (p / name).open("r+b") as file:
            file.truncate(length)

    return attack


def replaced(name: str, make: Callable[[Path], object]) -> Attack:
    """Something else in the place of a file."""

    def attack(p: Path) -> None:
        (p / name).unlink()
        make(p / name)

    return attack


def listed(name: str) -> Attack:
    """A manifest that names one more file."""
    entry = {"bytes": 5, "sha256": "0" * 64}
    return other_json("manifest.json", lambda m: m["files"].update({name: entry}))
