import importlib
import importlib.metadata

import pytest
from sources import sources

import turret

PACKAGE = next(source for source in sources() if source.name == "turret")


def test_every_public_name_resolves() -> None:
    assert PACKAGE.exported == sorted(turret.__all__)
    for name in turret.__all__:
        assert getattr(turret, name) is not None
        assert name in dir(turret)


def test_every_error_is_public() -> None:
    errors = importlib.import_module("turret.errors")
    kinds = {name for name in errors.__all__ if isinstance(getattr(errors, name), type)}
    assert kinds <= set(turret.__all__)


def test_no_name_hides_a_module() -> None:
    modules = {source.name.split(".")[1] for source in sources() if source.name != "turret"}
    assert not modules & set(turret.__all__)


def test_the_version_is_the_installed_one() -> None:
    assert turret.__version__ == importlib.metadata.version("turret")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'towers'"):
        turret.towers  # noqa: B018  # the access is the test
