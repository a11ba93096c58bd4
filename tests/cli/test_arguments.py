import pytest

from turret.cli.arguments import changes, query_values, recipe_of
from turret.errors import QueryError, RecipeError
from turret.toml import builtin, dumps


def test_changes_are_split_at_the_first_equals_sign() -> None:
    given = ["train.epochs=5", "data.positive=user_rating >= 4", "split.cut = 1998-01-01"]
    assert changes(given) == {
        "train.epochs": "5",
        "data.positive": "user_rating >= 4",
        "split.cut": "1998-01-01",
    }


@pytest.mark.parametrize("text", ["train.epochs", "=5", ""])
def test_a_change_without_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="expected key.path=value"):
        changes([text])


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("user_id=42", {"user_id": "42"}),
        ("user_id=", {"user_id": ""}),
        ("user_id=a=b", {"user_id": "a=b"}),
        ("user_id=42,country=NL", {"user_id": "42", "country": "NL"}),
        ("title=Good, Bad", {"title": "Good, Bad"}),
        ("title=Good, Bad,user_id=1", {"title": "Good, Bad", "user_id": "1"}),
        (' {"user_id": 42, "t": "a, b=c"}', {"user_id": "42", "t": "a, b=c"}),
        ('{"age": 1.5}', {"age": "1.5"}),
        ('{"user_id": 42.0}', {"user_id": "42"}),
        ('{"met": ["a, b", 7, 8.0]}', {"met": ["a, b", "7", "8"]}),
        ('{"met": []}', {"met": []}),
    ],
)
def test_a_query(text: str, values: dict[str, str | list[str]]) -> None:
    assert query_values(text) == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("42", "--query: got '42', expected column=value"),
        ("=42", "--query: got '=42', expected column=value"),
        ('{"user_id"', "--query is not JSON"),
        ('{"met": [[1]]}', "--query met: got [1], expected text or a number, or a list of them"),
        ("user_id=1,user_id=2", "--query names user_id twice: got 'user_id=1,user_id=2'"),
        ('{"user_id": 1e400}', "--query user_id: got inf, expected a finite number"),
        ('{"user_id": true}', "--query user_id: got True, expected text or a number"),
    ],
)
def test_what_is_no_query_is_refused(text: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        query_values(text)
    assert message in str(caught.value)


def test_a_recipe_by_name_or_path(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("recipes")
    monkeypatch.chdir(folder)
    assert recipe_of("tutorial") == builtin("tutorial")
    (folder / "mine.toml").write_text(dumps(builtin("movielens")))
    assert recipe_of("mine.toml") == builtin("movielens")
    with pytest.raises(RecipeError, match="'tutoria' cannot be read"):
        recipe_of("tutoria")
