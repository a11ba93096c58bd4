"""Names of collections, and addresses without their secrets."""

import re
from pathlib import Path

from turret.errors import StoreError

__all__ = ["checked", "collection_of", "without_secret"]

# With a dot and the name of a version behind it, PostgreSQL's 63 bytes have room for it.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,48}")
# What is none of these may have a secret anywhere: a password with / or # in it, for example.
_ADDRESS = re.compile(
    r"(?P<scheme>\w+)://([^/?#@]*@)?(?P<place>([\w.,%-]|\[[\w:.%]*\]|:\d+\b)*(/[^?#@]*)?)([?#][^@]*)?"
)


def checked(collection: str) -> str:
    """Refuses a name that not every database takes.

    Args:
        collection: the name.

    Returns:
        The same.

    Raises:
        StoreError: if it is none.
    """
    if _NAME.fullmatch(collection) is None:
        raise StoreError(
            "this cannot be the name of a collection",
            got=collection,
            expected="1 to 48 letters, digits, _ and -",
        )
    return collection


def collection_of(bundle: Path) -> str:
    """Says what the collection of a bundle is called where no name is given.

    Args:
        bundle: its directory; a number in a folder of versions.

    Returns:
        The name of the directory, or of the folder of versions.

    Example:
        >>> collection_of(Path("/models/my films/7"))
        'my_films'
    """
    place = bundle.resolve()
    if place.name.isdecimal():
        place = place.parent
    return re.sub(r"[^A-Za-z0-9_-]", "_", place.name)[:48] or "turret"


def without_secret(url: str) -> str:
    """An address as it may be shown: without user, password and further settings.

    Args:
        url: the address.

    Returns:
        Scheme, host and path; for a folder the same; of what is neither for certain, nothing.

    Example:
        >>> without_secret("postgresql://me:secret@db:5432/films?sslkey=a")
        'postgresql://db:5432/films'
    """
    if "://" not in url:
        # What is neither a folder nor an address may be settings, one of which is a password.
        return "the database" if "=" in url else url
    found = _ADDRESS.fullmatch(url)
    return "the database" if found is None else f"{found['scheme']}://{found['place']}"
