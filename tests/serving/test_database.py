"""A server that has a vector database search."""

from pathlib import Path

import pytest
from qdrant_client import QdrantClient
from qdrant_server import KEY, qdrant
from servers import serving

from turret.errors import ServingError
from turret.recommender.recommender import Recommender
from turret.recommender.stores import push_bundle
from turret.serving.settings import Settings
from turret.serving.tokens import Tokens


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection:UserWarning")
def test_it_answers_from_there_and_says_when_it_cannot(
    bundle: Path, recommender: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QDRANT_API_KEY", KEY)
    log = tmp_path / "log"
    asked = {"queries": [{"user": "3"}], "k": 5, "exclude_seen": True, "where": "title <> 'x'"}
    with qdrant() as url:
        version = push_bundle(bundle, ("qdrant", url), collection="served").version
        options = ("--search-in", "qdrant", url, "--collection", "served")
        with serving(bundle, *options, log=log, environment={"QDRANT_API_KEY": KEY}) as server:
            answered = server.post("/v1/recommend", asked)
            expected = recommender.recommend({"user": ["3"]}, 5, exclude_seen=True)
            assert answered.json()["ids"] == expected.ids.tolist()
            # As if somebody had taken it away.
            client = QdrantClient(
                url, api_key=KEY, port=int(url.rpartition(":")[2]), check_compatibility=False
            )
            client.delete_collection(f"served.{version}")
            client.close()
            refused = server.post("/v1/recommend", asked)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert refused.json()["error"]["code"] == "database_failed"
            assert "127.0.0.1" not in refused.text
            assert "has no longer the version" in server.wait_for("database_failed")["reason"]
    assert KEY not in log.read_text()


def test_one_that_takes_changes_searches_by_itself() -> None:
    with pytest.raises(ServingError, match="--writable or --search-in"):
        Settings(writable=True, search_in=("qdrant", ":memory:"), tokens=Tokens(write=("a" * 40,)))
