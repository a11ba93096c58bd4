"""Who may ask: bearer tokens, those that read and those that write apart."""

import hmac
import os
from collections.abc import Mapping

import msgspec
from starlette.types import Scope

from turret.errors import ServingError
from turret.serving.refusals import Refusal
from turret.serving.replies import header_of

__all__ = ["READ", "WRITE", "Tokens"]

READ, WRITE = "TURRET_READ_TOKENS", "TURRET_WRITE_TOKENS"
"""The environment variables that hold the tokens, several divided by commas."""

_SHORTEST = 16


class Tokens(msgspec.Struct, frozen=True):
    """The tokens of a server.

    Attributes:
        read: those that may ask; where there are none, everybody may.
        write: those that may change something, and ask.
    """

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()

    @classmethod
    def of(cls, environment: Mapping[str, str] | None = None) -> "Tokens":
        """Read them from the environment: the command line is seen by everybody.

        Args:
            environment: the variables; None takes those of the process.

        Returns:
            The tokens.

        Raises:
            ServingError: if one is too short to be a secret.

        Example:
            >>> Tokens.of({"TURRET_READ_TOKENS": "0123456789abcdef, fedcba9876543210"}).read
            ('0123456789abcdef', 'fedcba9876543210')
        """
        variables = os.environ if environment is None else environment
        found: list[tuple[str, ...]] = []
        for name in (READ, WRITE):
            given = [token.strip() for token in variables.get(name, "").split(",")]
            tokens = tuple(token for token in given if token)
            if any(len(token) < _SHORTEST for token in tokens):
                raise ServingError(
                    f"A token of {name} is too short",
                    expected=f"at least {_SHORTEST} characters each, divided by commas",
                    fix="Make one with: openssl rand -hex 32",
                )
            found.append(tokens)
        return cls(*found)

    def check(self, scope: Scope, *, writes: bool) -> None:
        """Refuse a request that may not be made.

        Args:
            scope: of the request.
            writes: whether it changes something.

        Raises:
            Refusal: if it brings no token (401), or one that does not allow it (403).
        """
        if not writes and not self.read:
            return
        given = header_of(scope, b"authorization") or b""
        scheme, _, token = given.partition(b" ")
        if scheme.lower() != b"bearer":
            token = b""
        # Each is compared in full, so that the time says nothing of any.
        may_write = sum(hmac.compare_digest(token, one.encode()) for one in self.write)
        may_read = sum(hmac.compare_digest(token, one.encode()) for one in self.read)
        if may_write or (may_read and not writes):
            return
        if may_read:
            raise Refusal(403, "forbidden", "This token does not allow changes.")
        message = "Send a token in the header Authorization, after the word Bearer."
        raise Refusal(401, "unauthorized", message)
