"""What an export computes, in NumPy, against the recommender."""

from typing import Any

import numpy as np
import pytest
from export.numpy_graph import NumpyGraph
from export.worlds import bundle, configs, inputs, questions

from turret.export.content import Content
from turret.export.signatures import Signatures
from turret.recommender.recommender import Recommender


@pytest.fixture(scope="module", params=configs())
def model(request: pytest.FixtureRequest) -> tuple[Recommender, Signatures[Any]]:
    own = bundle(request.param)
    return Recommender(own), Signatures(Content(own))


def test_queries(model: tuple[Recommender, Signatures[Any]]) -> None:
    recommender, signatures = model
    for name, asked in questions(signatures.content.bundle.query_encoder.columns).items():
        given = inputs(signatures.content.query.columns, asked)
        found = signatures.embed_query(NumpyGraph(), given)
        want = recommender.query_vectors(asked)
        np.testing.assert_array_equal(found["fallback"], np.isnan(want[:, 0]), err_msg=name)
        np.testing.assert_allclose(found["vectors"], want, rtol=1e-5, atol=1e-5, err_msg=name)
