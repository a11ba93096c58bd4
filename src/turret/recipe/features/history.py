"""The feature `history`: the candidates that a query met before."""

from typing import Literal

from turret.recipe.checks import require, require_positive
from turret.recipe.features.base import Vocabularied, refuse_keys_of_a_table, require_vocabularied

__all__ = ["History"]


class History(Vocabularied, frozen=True, kw_only=True, tag_field="kind", tag="history"):
    """The candidates that a query met before, pooled.

    For a known query they are its training interactions; a request may bring them itself, which
    serves a query that was never seen. A training never shows a pair its own candidate.

    Args:
        column: a list of candidate ids, the most recent last; made from the training interactions
            where the query table does not have it.
        name: what the feature is called in its tower; None takes the column's name.
        embedding_dim: numbers in one embedding row; None takes the model's.
        table: the embedding table, such as "candidate/movie_title" for that of the candidates' own
            ids; None makes one of its own.
        learning_rate: the table's rate is the training's times this.
        min_count: as for `Categorical`.
        max_size: as for `Categorical`.
        lookup: what stands for a candidate: a row of the embedding "table", or the vector that the
            whole candidate "tower" makes of it, which knows its other features too.
        length: so many of the most recent candidates are read.
        pooling: "mean"; "sqrtn", the sum divided by the root of their number; "recency", a mean in
            which a candidate counts half as much as one that is `half_life` later; "attention", a
            mean whose weights are learned from the candidate and from its place; or "transformer",
            what a small causal transformer makes of the last candidate.
        half_life: of "recency", in candidates.
        layers: of "transformer", how many.
        heads: of "transformer", attention heads of each layer; they divide `embedding_dim`.
        sees: what a training shows of a query's other interactions: "past", those strictly earlier
            than the pair's; or "others", all but those with the pair's candidate. None is "past" in
            a recipe that splits by time and does not train in batches of queries, else "others".
        hide: with batches of queries, the share of a query's candidates that a step hides; they are
            what is to be found from the others.
        dropout: the share of the candidates shown that a training step leaves out at random.

    Example:
        >>> History("history", table="candidate/film", pooling="sqrtn").reads
        ('history',)
    """

    lookup: Literal["table", "tower"] = "table"
    length: int = 50
    pooling: Literal["mean", "sqrtn", "recency", "attention", "transformer"] = "mean"
    half_life: float = 10.0
    layers: int = 1
    heads: int = 1
    sees: Literal["past", "others"] | None = None
    hide: float = 0.5
    dropout: float = 0.0

    @property
    def has_table(self) -> bool:
        """Whether the feature looks rows of an embedding table up."""
        return self.lookup == "table"

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        require_vocabularied(self)
        if not self.has_table:
            further = {"embedding_dim": None, "min_count": 1, "max_size": None}
            why = 'lookup = "tower" takes the candidate tower\'s vectors, lookup = "table" has one'
            refuse_keys_of_a_table(self, why=why, further=further)
        place = f"feature {self.key!r}"
        require(self.length >= 1, f"{place}: length", self.length, "at least 1")
        require_positive(f"{place}: half_life", self.half_life)
        require(self.layers >= 1, f"{place}: layers", self.layers, "at least 1")
        require(self.heads >= 1, f"{place}: heads", self.heads, "at least 1")
        require(0 < self.hide < 1, f"{place}: hide", self.hide, "between 0 and 1")
        share = self.dropout
        require(0 <= share < 1, f"{place}: dropout", share, "at least 0 and below 1")
