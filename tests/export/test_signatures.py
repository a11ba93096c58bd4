"""What an export computes, in NumPy, against the recommender."""

from typing import Any

import numpy as np
import pytest
from export.numpy_graph import NumpyGraph
from export.worlds import bundle, configs, inputs, questions

from turret.export.content import Content
from turret.export.signatures import Signatures
from turret.recommender.recommender import Recommender

NOTHING = np.empty((0, 0), dtype=object)


@pytest.fixture(scope="module", params=configs())
def model(request: pytest.FixtureRequest) -> tuple[Recommender, Signatures[Any]]:
    own = bundle(request.param)
    return Recommender(own), Signatures(Content(own))


@pytest.mark.parametrize("name", questions())
def test_queries(model: tuple[Recommender, Signatures[Any]], name: str) -> None:
    recommender, signatures = model
    given = inputs(signatures.content.query.columns, questions()[name])
    found = signatures.embed_query(NumpyGraph(), given)
    want = recommender.query_vectors(questions()[name])
    np.testing.assert_array_equal(found["fallback"], np.isnan(want[:, 0]))
    np.testing.assert_allclose(found["vectors"], want, rtol=1e-4, atol=1e-5)
