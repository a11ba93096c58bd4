import pytest

from turret import errors
from turret.errors import MissingPartError, QueryError, RecipeError, TurretError, nearest


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({}, "It broke."),
        ({"got": 0}, "It broke: got 0."),
        ({"got": "a"}, "It broke: got 'a'."),
        ({"expected": "more"}, "It broke: expected more."),
        ({"got": 0, "expected": "more"}, "It broke: got 0, expected more."),
        ({"fix": "Mend it."}, "It broke. Mend it."),
        (
            {"got": 0, "expected": "more", "fix": "Mend it."},
            "It broke: got 0, expected more. Mend it.",
        ),
    ],
)
def test_the_message_leaves_out_what_is_not_given(parts: dict[str, object], text: str) -> None:
    assert str(TurretError("It broke", **parts)) == text  # pyright: ignore[reportArgumentType]  # mixed kinds


def test_a_finished_sentence_gets_no_second_full_stop() -> None:
    assert str(TurretError("Is it broken?")) == "Is it broken?"
    assert str(TurretError("It is.")) == "It is."


def test_the_parts_stay_readable() -> None:
    error = TurretError("x", got=1, expected="2", fix="3")
    assert (error.what, error.got, error.expected, error.fix) == ("x", 1, "2", "3")


def test_exit_codes() -> None:
    codes = {
        name: getattr(errors, name).exit_code
        for name in errors.__all__
        if isinstance(getattr(errors, name), type)
    }
    assert {name for name, code in codes.items() if code == 2} == {"RecipeError", "QueryError"}
    assert {name for name, code in codes.items() if code == 130} == {"TrainingInterrupted"}
    assert set(codes.values()) == {1, 2, 130}


def test_all_are_one_family_drawn_in_the_docstring() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        if isinstance(kind, type):
            assert issubclass(kind, TurretError)
            assert errors.__doc__ is not None and name in errors.__doc__
    assert not issubclass(QueryError, RecipeError)


def test_a_missing_part_names_its_extra() -> None:
    error = MissingPartError("faiss", extra="faiss")
    assert str(error) == (
        "faiss is not installed. Install it with: pip install 'turret[faiss]' "
        "(in a checkout: pip install -e '.[faiss]')"
    )
    assert (error.part, error.extra) == ("faiss", "faiss")


def test_nearest() -> None:
    assert nearest("user", ["user_id", "movie_id"]) == "Did you mean 'user_id'?"
    assert nearest("qqq", ["b", "a"]) == "Known are: a, b."
