"""The body `custom`: an Equinox module of one's own, by import path and configuration."""

import re
from typing import Any, Literal

import msgspec

from turret.recipe.bodies.base import BodyKind
from turret.recipe.checks import require

__all__ = ["Custom"]

_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


class _Path(BodyKind, frozen=True):
    path: str = msgspec.field(name="class")


class Custom(_Path, frozen=True, kw_only=True, tag_field="kind", tag="custom"):
    """An Equinox module of one's own: a body, or a whole tower.

    A recipe and a bundle name its class; neither holds code. `docs/custom-towers.md` says what the
    class has to be like.

    Args:
        path: "package.module:Class"; in TOML the key is `class`.
        options: keyword arguments of the class: text, numbers, booleans, lists and tables.
        input: what it is called with, a row at a time: the "vector" that the body before it gives,
            or the features' vectors side by side; or the "row", for a whole tower: the features'
            vectors one by one, and what they were looked up with.

    Example:
        >>> Custom("my_towers:Gated", options={"width": 64}).path
        'my_towers:Gated'
    """

    options: dict[str, Any] = {}
    input: Literal["vector", "row"] = "vector"

    def __post_init__(self) -> None:
        """Refuse what names no class, and options that no recipe could hold."""
        named = _PATH.fullmatch(self.path) is not None
        require(named, "body 'custom': class", self.path, "'package.module:Class'")
        try:
            self._text()
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            what = f"body 'custom': options ({error})"
            require(False, what, self.options, "text, numbers, booleans, lists and tables")

    def __hash__(self) -> int:
        """Hash of the value: equal ones share a compiled step."""
        return hash((self.path, self._text(), self.input))

    @property
    def draws(self) -> bool:
        """Whether chance has a part in a training step: it may."""
        return True

    @property
    def reads_features(self) -> bool:
        """Whether it reads the features' vectors one by one, and so stands first."""
        return self.input == "row"

    def _text(self) -> bytes:
        return msgspec.json.encode(self.options, order="deterministic")
