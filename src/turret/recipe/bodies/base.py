"""What bodies of every kind have in common."""

import msgspec

__all__ = ["BodyKind"]


class BodyKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body of any kind."""

    @property
    def draws(self) -> bool:
        """Whether chance has a part in a training step."""
        return False

    @property
    def reads_features(self) -> bool:
        """Whether it reads the features' vectors one by one, and so stands first."""
        return False
