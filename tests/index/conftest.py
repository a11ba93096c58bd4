from collections.abc import Iterator

import psycopg
import pytest
from databases import postgres


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL of one module's own, with the extension."""
    with postgres() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION vector")
        yield url
