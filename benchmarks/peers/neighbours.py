"""Approximate search by other libraries for the benchmark `index`, on request.

    python neighbours.py FOLDER CACHE K

It runs in an environment of its own (scann, faiss-cpu, usearch, or some of them; numpy) and
imports nothing of Turret. FOLDER holds `vectors.npy`, and `tuning.npy` and `reporting.npy`, queries
of which `tuning_truth.npy` and `reporting_truth.npy` are the true best rows. What takes minutes to
build is kept in CACHE. A single query has one thread in each library. Requests are JSON:
`{"build": NAME}`, or `{"measure": NAME, "choice": CHOICE, "part": PART, "recall": true,
"timed": n}`.
"""

import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

FOLDER, CACHE, K = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
vectors = np.load(FOLDER / "vectors.npy")
parts = {
    name: (np.load(FOLDER / f"{name}.npy"), np.load(FOLDER / f"{name}_truth.npy"))
    for name in ("tuning", "reporting")
}
n, d = vectors.shape
partitions = round(n**0.5)
SHARES = (0.02, 0.04, 0.08, 0.16, 0.32)
BREADTHS = tuple(K * times for times in (1, 2, 4, 8, 16, 32))


class Scann:
    """ScaNN as its documentation sets it up, with codes of one and of two numbers each."""

    def __init__(self, path, block):
        from scann.scann_ops.py import scann_ops_pybind as scann

        self.searcher = (
            scann.builder(vectors, K, "dot_product")
            .tree(partitions, partitions // 5, training_sample_size=100_000)
            .score_ah(block, anisotropic_quantization_threshold=0.2, training_sample_size=100_000)
            .reorder(10 * K)
            .build()
        )

    choices = [
        {"leaves": max(1, round(share * partitions)), "reorder": times * K}
        for share in SHARES
        for times in (3, 6, 12, 25)
    ]

    def search(self, queries, choice):
        options = {"pre_reorder_num_neighbors": choice["reorder"]}
        options["leaves_to_search"] = choice["leaves"]
        if len(queries) == 1:
            return self.searcher.search(queries[0], K, **options)[0][None]
        return self.searcher.search_batched(queries, K, **options)[0]


class Faiss:
    """What the kinds of FAISS have in common."""

    choices: list

    def __init__(self, path, factory):
        import faiss

        self.faiss, self.threads = faiss, faiss.omp_get_max_threads()
        if path.exists():
            self.index = faiss.read_index(str(path))
        else:
            self.index = faiss.index_factory(d, factory, faiss.METRIC_INNER_PRODUCT)
            if hasattr(self.index, "hnsw"):
                self.index.hnsw.efConstruction = 100
            self.index.train(vectors)
            self.index.add(vectors)
            faiss.write_index(self.index, str(path))

    def search(self, queries, choice):
        # A single query has one thread, as in the other libraries.
        self.faiss.omp_set_num_threads(1 if len(queries) == 1 else self.threads)
        return self.index.search(queries, K, params=self.parameters(choice))[1]


class Graph(Faiss):
    choices = [{"breadth": breadth} for breadth in BREADTHS]

    def parameters(self, choice):
        return self.faiss.SearchParametersHNSW(efSearch=choice["breadth"])


class Lists(Faiss):
    choices = [{"lists": max(1, round(share * partitions))} for share in (0.01, *SHARES)]

    def parameters(self, choice):
        return self.faiss.SearchParametersIVF(nprobe=choice["lists"])


class Codes(Faiss):
    """Lists of codes of 4 bits, the best of which are scored with their vectors."""

    choices = [
        {"lists": max(1, round(share * partitions)), "reorder": times}
        for share in SHARES
        for times in (3, 6, 12, 25)
    ]

    def parameters(self, choice):
        lists = self.faiss.SearchParametersIVF(nprobe=choice["lists"])
        return self.faiss.IndexRefineSearchParameters(
            k_factor=choice["reorder"], base_index_params=lists
        )


class Usearch:
    choices = [{"breadth": breadth} for breadth in BREADTHS]

    def __init__(self, path, links):
        from usearch.index import Index

        self.index = Index(ndim=d, metric="ip", dtype="f32", connectivity=links)
        if path.exists():
            self.index.load(str(path))
        else:
            self.index.add(np.arange(n), vectors)
            self.index.save(str(path))

    def search(self, queries, choice):
        self.index.expansion_search = choice["breadth"]
        if len(queries) > 1:
            return self.index.search(queries, K).keys.astype(np.int64)
        return self.index.search(queries[0], K).keys.astype(np.int64)[None]


KINDS = {
    "scann": ("scann", Scann, 2),
    "scann_1": ("scann", Scann, 1),
    "faiss_hnsw": ("faiss", Graph, "HNSW32"),
    "faiss_ivf": ("faiss", Lists, f"IVF{partitions},Flat"),
    "faiss_ivfpq": ("faiss", Codes, f"IVF{partitions},PQ{d // 2}x4fs,RFlat"),
    "usearch": ("usearch", Usearch, 16),
}
built = {}


def build(name):
    start = time.perf_counter()
    _, kind, option = KINDS[name]
    path = CACHE / f"{name}-{n}x{d}"
    kept = path.exists()
    built[name] = kind(path, option)
    # The time to build is kept beside what was built.
    note = path.with_suffix(".seconds")
    seconds = time.perf_counter() - start
    if kept and note.exists():
        seconds = float(note.read_text())
    else:
        note.write_text(str(seconds))
    return {"seconds": seconds, "choices": kind.choices}


def measure(name, choice, part, recall, timed):
    queries, truth = parts[part]
    answer = {}
    index = built[name]
    if recall:
        found = index.search(queries, choice)
        shares = [np.isin(a, b).mean() for a, b in zip(truth, found, strict=True)]
        answer["recall"] = float(np.mean(shares))
        answer["margin"] = float(np.std(shares) / len(shares) ** 0.5)
    index.search(queries[:1], choice)
    taken = []
    for query in queries[:timed]:
        start = time.perf_counter()
        index.search(query[None], choice)
        taken.append(time.perf_counter() - start)
    answer["p50_ms"] = float(np.median(taken)) * 1000
    return answer


there = [name for name, (module, _, _) in KINDS.items() if find_spec(module)]
print(json.dumps({"kinds": there}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if "build" in request:
        answer = build(request["build"])
    else:
        answer = measure(request.pop("measure"), **request)
    print(json.dumps(answer), flush=True)
