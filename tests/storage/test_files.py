from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from turret.errors import BundleError, DataError
from turret.storage.files import (
    read_json,
    read_object,
    read_table,
    read_tensors,
    reading,
    write_json,
    write_table,
    write_tensors,
)


class Point(msgspec.Struct, frozen=True):
    x: int


def test_json_to_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "point.json"
    write_json(path, Point(3))
    assert path.read_bytes() == b'{\n  "x": 3\n}\n'
    assert read_json(path, Point) == Point(3)
    assert read_object(path) == {"x": 3}


def test_tensors_come_back_to_the_bit(tmp_path: Path) -> None:
    path = tmp_path / "tensors.safetensors"
    whole = np.arange(12, dtype=np.float32).reshape(3, 4)
    given = {
        "turned": whole.T,
        "flags": np.array([True, False]),
        "none": np.empty((0, 3)),
        "scalar": np.array(2),
    }
    write_tensors(path, given)
    read = read_tensors(path, {"turned": ("float32", (4, 3)), "flags": ("bool", (2,))})
    assert read.keys() == given.keys()
    for name, array in given.items():
        assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
        assert np.array_equal(read[name], array)


def test_tensors_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = tmp_path / "tensors.safetensors"
    write_tensors(path, {"a": np.zeros(3, dtype=np.int32)})
    with pytest.raises(BundleError, match=r"has no tensor b: got \['a'\]"):
        read_tensors(path, {"b": ("int32", (3,))})
    with pytest.raises(BundleError, match=r"tensor a .* got 'int32\[3\]', expected int64\[3\]"):
        read_tensors(path, {"a": ("int64", (3,))})


def test_tables_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    table = pl.DataFrame({"a": ["x", None], "b": [[1], []], "c": [True, False], "d": [1.5, None]})
    write_table(path, table)
    read = read_table(path, ["a", "d"])
    assert read.equals(table)
    assert read.schema == table.schema
    with pytest.raises(BundleError, match=r"lacks the column 'e': got \['a', 'b', 'c', 'd'\]"):
        read_table(path, ["a", "e"])


def test_whatever_goes_wrong_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for read in (lambda: read_json(path, Point), lambda: read_object(path)):
        with pytest.raises(BundleError, match=r"file cannot be read: .*No such file"):
            read()
    for read in (lambda: read_tensors(path), lambda: read_table(path, [])):
        with pytest.raises(BundleError, match=r"file cannot be read"):
            read()
    with pytest.raises(BundleError, match=r"file cannot be read: a column is odd"):
        with reading(path):
            raise DataError("a column is odd")


def test_mapped_tensors_are_the_same_and_stay_when_the_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "tensors.safetensors"
    rng = np.random.default_rng(0)
    kinds = ("bool", "float16", "float32", "float64", "int8", "int32", "int64", "uint8")
    tensors = {kind: (9 * rng.random((3, 5))).astype(kind) for kind in kinds}
    tensors["empty"] = np.zeros((0, 4), dtype=np.float32)
    write_tensors(path, tensors)
    mapped = read_tensors(path, mapped=True)
    write_tensors(tmp_path / "other", {"float32": np.zeros((3, 5))})
    (tmp_path / "other").rename(path)
    plain = {name: array.tolist() for name, array in tensors.items()}
    assert {name: array.tolist() for name, array in mapped.items()} == plain
    assert {name: array.dtype for name, array in mapped.items()} == {
        name: array.dtype for name, array in tensors.items()
    }
    assert not any(array.flags.writeable for array in mapped.values())


def test_a_damaged_file_cannot_be_mapped(tmp_path: Path) -> None:
    path = tmp_path / "tensors.safetensors"
    write_tensors(path, {"a": np.zeros(100)})
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(BundleError, match="cannot be read"):
        read_tensors(path, mapped=True)
    path.write_bytes(b"")
    with pytest.raises(BundleError, match="cannot be read"):
        read_tensors(path, mapped=True)


def test_tensors_that_cannot_be_written_are_an_error_of_the_system(tmp_path: Path) -> None:
    path = tmp_path / "none" / "tensors.safetensors"
    with pytest.raises(FileNotFoundError) as caught:
        write_tensors(path, {"a": np.zeros(3, dtype=np.int32)})
    assert caught.value.filename == str(path)
