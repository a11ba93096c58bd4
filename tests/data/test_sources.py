import gzip
from pathlib import Path

import polars as pl
import pytest
from movielens_files import write_folder

from turret.data.sources import load, read, source_names
from turret.errors import DataError, RecipeError
from turret.recipe import data as recipe

ROWS = [("1", "Up", 5), ("2", "Alien", 3), ("1", "Heat", 4)]
TABLE = pl.DataFrame(ROWS, schema=["user_id", "film", "stars"], orient="row")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def silent(sentence: str) -> None:
    del sentence


def write(name: str, content: str | bytes) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_table(name: str, table: pl.DataFrame = TABLE) -> Path:
    path = write(name, "")
    if ".csv" in name:
        text = table.write_csv().encode()
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    elif ".tsv" in name:
        table.write_csv(path, separator="\t")
    elif ".parquet" in name or ".pq" in name:
        table.write_parquet(path)
    else:
        table.write_ndjson(path)
    return path


KINDS = [
    "a.csv",
    "a.csv.gz",
    "a.CSV",
    "a.tsv",
    "a.parquet",
    "a.pq",
    "a.jsonl",
    "a.ndjson",
    "a.json",
]


@pytest.mark.parametrize("name", KINDS)
def test_each_kind(folder: Path, name: str) -> None:
    path = write_table(name.lower()).rename(folder / name)
    for given in (name, path, str(path), [path]):
        assert read(given, ids=["user_id", "film"]).equals(TABLE)


def test_several_globs_and_folders(folder: Path) -> None:
    for number, name in enumerate(["b/2.csv", "b/1.csv", "a/deep/3.csv", "b/_SUCCESS", "b/.0.csv"]):
        write_table(name, TABLE.with_columns(stars=pl.lit(number)))
    write("b/README", "read me")
    assert read(["b/2.csv", "b/1.csv"])["stars"].to_list() == [0, 0, 0, 1, 1, 1]
    assert read("b/*.csv")["stars"].unique(maintain_order=True).to_list() == [1, 0]
    assert read("b")["stars"].unique(maintain_order=True).to_list() == [1, 0]
    assert read("**/*.csv")["stars"].n_unique() == 3
    assert read(["a", "b"])["stars"].unique(maintain_order=True).to_list() == [2, 1, 0]


def test_columns_in_another_order_are_put_in_order(folder: Path) -> None:
    write_table("1.csv")
    write_table("2.csv", TABLE.select("stars", "film", "user_id"))
    assert read("*.csv", ids=["user_id"]).equals(pl.concat([TABLE, TABLE]))


def test_types_of_text_files(folder: Path) -> None:
    write(
        "a.csv",
        "id,int,float,zip,long,word,gap,none\n"
        "007,1,1.5,05201,12345678901234567890,x,1,\n"
        "7,-20,-2e3,10001,1,,,\n",
    )
    table = read("a.csv", ids=["id"])
    assert table.row(0) == ("007", 1, 1.5, "05201", "12345678901234567890", "x", 1, None)
    assert table.row(1) == ("7", -20, -2000.0, "10001", "1", None, None, None)


@pytest.mark.parametrize("line", ["a;b|c", "a\tb|c", "a,b;c"])
def test_separator_is_that_of_the_header(folder: Path, line: str) -> None:
    separator = line[1]
    write("a.csv", f"x{separator}y{separator}z\n1{separator}2{separator}3\n")
    assert read("a.csv").rows() == [(1, 2, 3)]


def test_csv_with_quotes_marks_and_line_ends(folder: Path) -> None:
    write("a.csv", '\ufeffuser_id, film\r\n1,"Up, ""3D"""\r\n2,"two\r\nlines"\r\n')
    assert read("a.csv", ids=["user_id", "film"]).to_dicts() == [
        {"user_id": "1", "film": 'Up, "3D"'},
        {"user_id": "2", "film": "two\r\nlines"},
    ]


def test_json_ids_of_several_types(folder: Path) -> None:
    write("a.jsonl", '{"u":"007","i":1}\n\n{"u":42,"i":null}\n{"u":3.0,"i":9007199254740993}\n')
    table = read("a.jsonl", ids=["u", "i"])
    assert table["u"].to_list() == ["007", "42", "3"]
    assert table["i"].to_list() == [1, None, 9007199254740993]


def truncated() -> bytes:
    path = write_table("whole.parquet")
    content = path.read_bytes()
    path.unlink()
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", r"^a.csv is empty\. Remove it"),
        ("a.parquet", "", r"^a.parquet is empty"),
        ("a.csv", "u,i\n", r"^a.csv holds no rows"),
        ("a.csv", "u,i\n1,2\n1,2,3\n", r"^a.csv cannot be read .*Line 3 is '1,2,3'"),
        ("a.csv", 'u,i\n1,"2,3"\n1,"x\ny"\n1,"2,3\n', r"Line 5 is '1,\"2,3'"),
        ("a.csv", "u,i\n1,é\n".encode("latin-1"), r"Line 2 is .* It must be UTF-8"),
        ("a.csv", "u,u\n1,2\n", r"^a.csv has two columns of one name: got 'u'"),
        ("a.parquet", "u,i\n1,2\n", r"^a.parquet cannot be read .*no Parquet at all"),
        ("a.parquet", truncated, r"^a.parquet cannot be read .*cut short"),
        ("a.jsonl", '{"u":1}\n{"u":\n', r"^a.jsonl cannot be read .*Line 2 is '\{\"u\":'"),
        ("a.json", '[{"u":1},\n{"u":2}]\n', r"Line 1 is .*one whole JSON object"),
        ("a.txt", "u,i\n1,2\n", r"^a.txt is of an unknown kind: got '.txt', expected .*\.csv"),
        ("README", "read me", r"^README is of an unknown kind"),
    ],
)
def test_unreadable_files(folder: Path, name: str, content: object, message: str) -> None:
    write(name, content() if callable(content) else content)  # pyright: ignore[reportArgumentType] # text, bytes or what makes them
    with pytest.raises(DataError, match=message):
        read(name)


def test_nothing_there(folder: Path) -> None:
    for given in ("absent.csv", "absent/*.csv", [Path("absent.csv")]):
        with pytest.raises(DataError, match=r"absent.*does not exist\. Check the path"):
            read(given)
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="The folder empty holds no data"):
        read("empty")
    with pytest.raises(DataError, match="No files are given"):
        read([])
    (folder / "link.csv").symlink_to("nowhere.csv")
    with pytest.raises(DataError, match=r"link\.csv does not exist"):
        read("link.csv")


def test_files_that_do_not_belong_together(folder: Path) -> None:
    write_table("1.csv")
    write_table("2.csv", TABLE.rename({"stars": "rating"}))
    write_table("3.parquet")
    write_table("4.parquet", TABLE.with_columns(stars=pl.concat_list("stars")))
    with pytest.raises(DataError, match=r"^2.csv has other columns than 1.csv: got .*rating"):
        read("*.csv")
    with pytest.raises(DataError, match="not all of one kind: got {'csv'"):
        read(["1.csv", "3.parquet"])
    with pytest.raises(DataError, match="columns of 3.parquet and 1 more do not go together"):
        read("*.parquet")


def config(**options: object) -> recipe.Data:
    chosen = {"query_id": "user_id", "candidate_id": "film"} | options
    return recipe.Data(**chosen)  # pyright: ignore[reportArgumentType] # options by name


def test_load_files(folder: Path) -> None:
    write_table("events/1.csv", TABLE.with_columns(when=pl.lit("2024-05-31")))
    write_table("films.parquet", pl.DataFrame({"film": ["Up", "Ran"], "genre": ["a", "b"]}))
    write_table("users.jsonl", pl.DataFrame({"user_id": [1, 2], "age": [20, 30]}))
    data = config(
        files="events",
        timestamp="when",
        weight="stars",
        positive="stars >= 4",
        queries="users.jsonl",
        candidates="films.parquet",
    )
    dataset = load(data, say=silent)
    assert dataset.queries.rows() == [("1", 20), ("2", 30)]
    assert dataset.candidates.rows() == [("Heat", None), ("Ran", "b"), ("Up", "a")]
    assert dataset.interactions.candidate_row.tolist() == [2, 0]
    assert dataset.interactions.timestamp is not None and dataset.interactions.weight is not None
    assert dataset.interactions.timestamp.tolist() == [1717113600.0] * 2
    assert dataset.interactions.weight.tolist() == [5.0, 4.0]


def test_load_names_the_absent_column(folder: Path) -> None:
    write_table("a.csv")
    with pytest.raises(DataError, match="^a.csv has no column 'films'.*Did you mean 'film'"):
        load(config(files="a.csv", candidate_id="films"), say=silent)
    write_table("b.csv")
    with pytest.raises(DataError, match="^a.csv and 1 more has no column 'hours'"):
        load(config(files=("a.csv", "b.csv"), timestamp="hours"), say=silent)
    write_table("films.csv", TABLE.rename({"film": "name"}))
    with pytest.raises(DataError, match="^films.csv has no column 'film'"):
        load(config(files="a.csv", candidates="films.csv"), say=silent)


def test_kinds_of_files_give_the_same_data(folder: Path) -> None:
    for name in KINDS[:1] + KINDS[3:5] + KINDS[6:7]:
        write_table(name, TABLE.with_columns(pl.col("user_id").cast(pl.Int64)))
    prints = {load(config(files=n), say=silent).fingerprint() for n in ("a.csv", "a.tsv")}
    prints |= {load(config(files=n), say=silent).fingerprint() for n in ("a.parquet", "a.jsonl")}
    assert len(prints) == 1


def test_load_movielens(folder: Path) -> None:
    place = write_folder(folder / "ml", "100k")
    data = config(
        source=f"movielens-100k:{place}", candidate_id="movie_title", timestamp="timestamp"
    )
    said: list[str] = []
    dataset = load(data, say=said.append)
    assert dataset.candidate_ids.to_list() == ["Amélie (2001)", "unknown"]
    assert said[0] == f"MovieLens 100k: read from {place}"


def test_load_synthetic() -> None:
    said: list[str] = []
    dataset = load(config(source="synthetic", timestamp="timestamp"), say=said.append)
    assert (dataset.query_id, dataset.candidate_id) == ("user_id", "film")
    assert dataset.interactions.timestamp is not None
    assert said == ["Drawing a synthetic world"]


@pytest.mark.parametrize("source", ["movielens-101k", "synthetic:here", "netflix", ":"])
def test_unknown_source(source: str) -> None:
    with pytest.raises(RecipeError, match="data.source"):
        load(config(source=source), say=silent)


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("movielens-100k", "queries"),
        ("movielens-100k", "candidates"),
        ("synthetic", "candidates"),
        ("synthetic", "weight"),
        ("synthetic", "positive"),
    ],
)
def test_keys_that_a_source_has_no_use_for(source: str, key: str) -> None:
    with pytest.raises(RecipeError, match=f"data.{key} is not for the source '{source}'"):
        load(config(source=source, **{key: "stars"}), say=silent)


def test_source_names() -> None:
    assert source_names()[-1] == "synthetic"
    assert "movielens-latest-small" in source_names()
