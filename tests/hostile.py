"""Bundles by somebody who means ill and writes the right checksums: each change is one attack."""

import os
from pathlib import Path

import numpy as np
import polars as pl
from hostile_changes import (
    Attack,
    bomb_of_pages,
    bomb_of_rows,
    deep_schema,
    header,
    listed,
    other_column,
    other_json,
    other_tensor,
    prefixes,
    put,
    repeated_text,
    replaced,
    sparse,
    tensor,
    text,
    wide_arrays,
)

_DEEP = b"[" * 200_000
_KEYS = b'{"a": 1, "b": {"c": 1, "c": 2}}'

SEALED: dict[str, tuple[Attack, str]] = {
    "header of 2^60 bytes": (text("seen.safetensors", header(b"{}", length=1 << 60)), "seen.safe"),
    "header of 2^64 - 1 bytes": (
        text("vectors.safetensors", header(b"{}", length=(1 << 64) - 1)),
        "vectors.safetensors",
    ),
    "shape that overflows": (
        tensor(
            "vectors.safetensors",
            {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 0]},
        ),
        "vectors.safetensors",
    ),
    "shape larger than the file": (
        tensor(
            "vectors.safetensors",
            {"dtype": "F32", "shape": [120, 8], "data_offsets": [0, 3840]},
        ),
        "vectors.safetensors",
    ),
    "unknown type of number": (
        tensor(
            "vectors.safetensors",
            {"dtype": "F8_E4M3", "shape": [8], "data_offsets": [0, 8]},
            bytes(8),
        ),
        "vectors.safetensors",
    ),
    "tensor twice": (
        text(
            "vectors.safetensors",
            header(
                b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
                b'"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
            )
            + b"x",
        ),
        "vectors.safetensors",
    ),
    "header nested without end": (text("seen.safetensors", header(_DEEP)), "seen.safetensors"),
    "vector that is no number": (
        other_tensor("vectors.safetensors", "candidates", put(np.nan, 3, 1)),
        "tensor candidates has a number that is not finite: got 'in row 3'",
    ),
    "infinite query": (
        other_tensor("vectors.safetensors", "queries", put(np.inf, 7, 0)),
        "tensor queries has a number that is not finite: got 'in row 7'",
    ),
    "truth value 2": (
        lambda p: (p / "vectors.safetensors").write_bytes(
            header(b'{"known_queries":{"dtype":"BOOL","shape":[8],"data_offsets":[0,8]}}')
            + b"\2" * 8
        ),
        "truth value that is neither",
    ),
    "row below 0": (other_tensor("seen.safetensors", "candidate_row", put(-1, 0)), "a row that"),
    "row too large": (
        other_tensor("seen.safetensors", "candidate_row", put(120, 5)),
        "a row that is none",
    ),
    "row twice": (
        other_tensor("seen.safetensors", "candidate_row", lambda a: np.zeros_like(a)),
        "does not rise",
    ),
    "indptr that falls": (other_tensor("seen.safetensors", "indptr", put(9999, 3)), "indptr does"),
    "indptr below 0": (other_tensor("seen.safetensors", "indptr", put(-5, 0)), "indptr does not"),
    "count below 0": (
        other_tensor("seen.safetensors", "candidate_count", put(-1, 2)),
        "a number below 0",
    ),
    "rows of another type": (
        other_tensor("seen.safetensors", "candidate_row", lambda a: a.astype(np.int64)),
        "candidate_row is missing or does not fit",
    ),
    "parameters of another type": (
        other_tensor("parameters.safetensors", "tables/query/user", lambda a: a.astype("f2")),
        "tables/query/user is no parameter",
    ),
    "table without a row": (
        other_tensor("parameters.safetensors", "tables/query/user", lambda a: a[:-1]),
        r"tables/query/user does not fit .* got 'float32\[39, 8\]', expected float32\[40, 8\]",
    ),
    "other ids for others": (
        other_tensor("ids.safetensors", "candidates", lambda a: a[::-1]),
        "candidates holds other ids than the table",
    ),
    "numbers for ids": (
        other_column("candidates.parquet", "film", pl.int_range(pl.len())),
        "column 'film' holds no text: got 'Int64'",
    ),
    "candidate without an id": (
        other_column("candidates.parquet", "film", pl.lit(None, dtype=pl.String)),
        "a row without an id",
    ),
    "query twice": (other_column("queries.parquet", "user", pl.lit("1")), "has an id twice"),
    "lists in the place of a category": (
        other_column("queries.parquet", "country", pl.lit([[1]]).list.first().implode()),
        "queries.parquet cannot be read: column 'country'",
    ),
    "vocabulary of numbers": (
        other_column("encoders/query-1.parquet", "id", pl.int_range(pl.len())),
        "encoders/query-1.parquet cannot be read: the column 'id' has another type",
    ),
    "vocabulary with a gap": (
        other_column("encoders/query-1.parquet", "id", pl.lit(None, dtype=pl.String)),
        "encoders/query-1.parquet cannot be read: the column 'id' lacks a value",
    ),
    "pages that decompress to gigabytes": (bomb_of_pages("queries.parquet"), "bytes in memory"),
    "rows without end": (bomb_of_rows("queries.parquet"), "bytes in memory"),
    "one text in every row": (repeated_text("candidates.parquet"), "bytes in memory"),
    "arrays without end": (wide_arrays("queries.parquet"), "queries.parquet cannot be read"),
    "schema nested without end": (deep_schema("queries.parquet"), "nested too deeply"),
    "prefixes of prefixes": (prefixes("queries.parquet"), "the encoding 7"),
    "no Parquet at all": (text("queries.parquet", b"PAR1" + bytes(99) + b"PAR1"), "queries.parq"),
    "key twice": (text("provenance.json", _KEYS), "provenance.json cannot be read.*'c' twice"),
    "JSON nested without end": (
        text("provenance.json", b'{"a":' + _DEEP),
        "provenance.json cannot be read: It is nested too deeply",
    ),
    "JSON that is not UTF-8": (
        text("provenance.json", b'{"a": "\xff"}'),
        "provenance.json cannot be read: It is not UTF-8",
    ),
    "JSON with a number of 10,000 digits": (
        text("provenance.json", b'{"a": ' + b"9" * 10_000 + b"}"),
        "provenance.json",
    ),
    "JSON of gigabytes": (
        lambda p: (text("report.json", b"{}")(p), sparse("report.json", 1 << 25)(p)),
        "report.json cannot be read: it has more than 16,777,216 bytes",
    ),
    "TOML nested without end": (
        text("recipe.toml", b"a = " + b"[" * 100_000),
        "recipe.toml cannot be read",
    ),
    "TOML key of many parts": (
        text("recipe.toml", b".".join([b"a"] * 100_000) + b" = 1"),
        "recipe.toml cannot be read: .*more than 100 dots",
    ),
    "TOML number of 10,000 digits": (
        text("recipe.toml", b"a = " + b"9" * 10_000),
        "recipe.toml cannot be read",
    ),
    "buckets without end": (
        other_json(
            "model.json",
            lambda m: m["model"]["query"]["features"][0].update(hash_buckets=1 << 50),
        ),
        r"tables/query/user does not fit .* expected float32\[1125899906842625",
    ),
    "dimensions without end": (
        other_json("model.json", lambda m: m["model"].update(embedding_dim=1 << 50)),
        "vectors.safetensors: the tensor candidates does not fit",
    ),
    "index of another size": (
        other_json("index/index.json", lambda i: i.update(size=1 << 40)),
        "index.* belongs to other candidates",
    ),
    "index of no kind": (
        other_json("index/index.json", lambda i: i.update(kind="os.system")),
        "no such kind of index: got 'os.system'",
    ),
}
"""Attacks on the bundle `by_country` with checksums that are right, and what the sentence says."""

MANIFESTS: dict[str, tuple[Attack, str]] = {
    "path upwards": (listed("../../etc/passwd"), r"manifest\.json names a file outside"),
    "absolute path": (listed("/etc/passwd"), "names a file outside"),
    "path of Windows": (listed("..\\x"), "names a file outside"),
    "drive of Windows": (listed("C:x"), "names a file outside"),
    "path with a zero": (listed("a\0b"), "names a file outside"),
    "the directory itself": (listed("."), "names a file outside"),
    "no name": (listed(""), "names a file outside"),
    "file that is not there": (listed("x" * 100_000), r"x\.\.\. is missing"),
    "manifest of gigabytes": (sparse("manifest.json", 10 << 30), "more than 16,777,216 bytes"),
    "manifest nested without end": (
        text("manifest.json", b'{"format": "turret-bundle", "a": ' + _DEEP),
        r"manifest\.json is damaged: It is nested too deeply",
    ),
    "manifest that is not UTF-8": (
        text("manifest.json", b'{"format": "\xff"}'),
        r"manifest\.json is damaged: It is not UTF-8",
    ),
    "file named twice": (
        lambda p: (p / "manifest.json").write_text(
            (p / "manifest.json")
            .read_text()
            .replace('"files": {', '"files": {"model.json": {"bytes": 1, "sha256": ""},')
        ),
        "the key 'model.json' twice",
    ),
    "length without end": (
        other_json("manifest.json", lambda m: m["files"]["model.json"].update(bytes=10**30)),
        "model.json has .* instead of",
    ),
    "negative length": (
        other_json("manifest.json", lambda m: m["files"]["model.json"].update(bytes=-1)),
        "model.json has .* instead of -1",
    ),
    "version that is no number": (
        other_json("manifest.json", lambda m: m.update(format_version="1")),
        r"manifest\.json is damaged",
    ),
    "version without end": (
        other_json("manifest.json", lambda m: m.update(format_version=10**30)),
        "format version",
    ),
    "link to another file": (
        replaced("model.json", lambda p: p.symlink_to("provenance.json")),
        "model.json is not a regular file",
    ),
    "link to itself": (
        replaced("model.json", lambda p: p.symlink_to("model.json")),
        "model.json is not a regular file",
    ),
    "manifest that is a link": (
        replaced("manifest.json", lambda p: p.symlink_to("/etc/passwd")),
        "it is a link",
    ),
    "manifest that is a link to itself": (
        replaced("manifest.json", lambda p: p.symlink_to("manifest.json")),
        "it is a link",
    ),
    "folder that is a link to its own": (
        lambda p: (p / "more").symlink_to(p),
        "more does not belong to it",
    ),
    "link that leads nowhere": (lambda p: (p / "x").symlink_to("y"), "x does not belong to it"),
    "pipe": (replaced("model.json", os.mkfifo), "model.json is not a regular file"),
    "manifest that is a pipe": (replaced("manifest.json", os.mkfifo), "not a regular file"),
    "device": (
        replaced("model.json", lambda p: p.symlink_to("/dev/zero")),
        "model.json is not a regular file",
    ),
    "manifest that is a folder": (replaced("manifest.json", Path.mkdir), "manifest.json is dam"),
    "name with escapes": (lambda p: (p / "\x1b[31m\n").touch(), r"\\x1b\[31m\\n does not belong"),
    "name in no encoding": (
        lambda p: (p / os.fsdecode(b"\xff")).touch(),
        r"\\udcff does not belong",
    ),
    "thousands of files": (
        lambda p: [(p / f"x{n}").touch() for n in range(3000)],
        "and 2980 more",
    ),
}
"""Attacks on the directory and its manifest, and what the sentence says."""
