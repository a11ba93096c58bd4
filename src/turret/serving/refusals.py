"""Requests that are not answered, and how that is told."""

import re

import msgspec

from turret.errors import QueryError

__all__ = ["Refusal", "refusal_of"]

_MSGSPEC = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?\$(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(?P<name>.*)`$", re.DOTALL)


class Refusal(Exception):
    """A request that is not answered.

    Args:
        status: the HTTP status.
        code: what went wrong, in a word that programs read.
        message: the same in a sentence.
        path: the part of the request that is wrong, such as `queries[0].country`.
        retry_after: seconds after which the same request may be answered.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        path: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        """Keep the parts."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.path = path
        self.retry_after = retry_after

    def __str__(self) -> str:
        """Return the sentence, with the path before it."""
        return self.message if not self.path else f"{self.path}: {self.message}"

    def body(self, request_id: str) -> bytes:
        """The JSON that says so.

        Args:
            request_id: of the request.

        Returns:
            `{"error": {"code", "message", "path", "request_id"}}`, without a path where there is
            none.
        """
        told = {"code": self.code, "message": self.message}
        if self.path is not None:
            told["path"] = self.path
        return msgspec.json.encode({"error": {**told, "request_id": request_id}})


def refusal_of(
    error: msgspec.DecodeError | UnicodeDecodeError | RecursionError | QueryError,
    *,
    path: str | None = None,
) -> Refusal:
    """Turns an error about what a request holds into a refusal.

    Args:
        error: of decoding the body, or of answering the query.
        path: the part of the request that was looked at.

    Returns:
        A refusal with status 400.

    Example:
        >>> str(refusal_of(msgspec.ValidationError("Expected `int`, got `str` - at `$.k`")))
        'k: Expected int, got str.'
    """
    if isinstance(error, QueryError):
        return Refusal(400, "invalid_request", str(error), path=path)
    if isinstance(error, UnicodeDecodeError | RecursionError):
        what = "its text is not UTF-8" if isinstance(error, ValueError) else "it nests too deep"
        return Refusal(400, "malformed_json", f"The body is not JSON that can be read: {what}.")
    found = _MSGSPEC.match(str(error))
    assert found is not None  # the pattern matches every text
    what, place = found["what"].replace("`", ""), (found["path"] or "").removeprefix(".")
    if not isinstance(error, msgspec.ValidationError):
        return Refusal(400, "malformed_json", f"The body is not JSON: {what}.")
    unknown = _UNKNOWN.search(found["what"])
    if unknown is not None:
        place, what = _joined(place, unknown["name"]), "There is no such field"
    return Refusal(400, "invalid_request", f"{what}.", path=_joined(path or "", place) or None)


def _joined(path: str, further: str) -> str:
    dot = "." if path and further and not further.startswith("[") else ""
    return f"{path}{dot}{further}"
