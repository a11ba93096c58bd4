from typing import Literal

import msgspec
import pytest

from turret.errors import RecipeError
from turret.strict import convert


class Number(msgspec.Struct, tag_field="kind", tag="number", forbid_unknown_fields=True):
    column: str
    scale: float = 1.0


class Text(msgspec.Struct, tag_field="kind", tag="text", forbid_unknown_fields=True):
    column: str
    words: int = 10


class Page(msgspec.Struct, forbid_unknown_fields=True):
    features: list[Number | Text]
    mode: Literal["fast", "slow"] | None = None


def test_a_union_is_told_apart_by_its_tag() -> None:
    page = convert(
        {"features": [{"kind": "number", "column": "a"}, {"kind": "text", "column": "b"}]},
        Page,
        where="here",
    )
    assert page == Page(features=[Number("a"), Text("b")])


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ({"kind": "numbr", "column": "a"}, "kind: got 'numbr', expected 'number' or 'text'."),
        ({"column": "a"}, "features[0].kind is missing: expected 'number' or 'text'. Add kind ="),
        (
            {"kind": "text", "column": "a", "word": 1},
            "unknown key features[0].word. Did you mean 'words'?",
        ),
        ({"kind": "text"}, "features[0].column is missing"),
        ({"kind": "text", "column": 3}, "features[0].column: got 3, expected str."),
    ],
)
def test_members_of_a_union_are_checked(feature: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        convert({"features": [feature]}, Page, where="here")
    assert message in str(caught.value)


def test_choices_that_may_be_left_out() -> None:
    assert convert({"features": [], "mode": "fast"}, Page, where="here").mode == "fast"
    with pytest.raises(RecipeError, match="mode: got 'fas', expected 'fast' or 'slow'"):
        convert({"features": [], "mode": "fas"}, Page, where="here")


def test_something_else_altogether() -> None:
    with pytest.raises(RecipeError, match=r"here: the recipe: got \[1\]"):
        convert([1], Page, where="here")
