"""What to try next, and when to give up: Optuna's sampler and pruner over the trials so far.

The study is built from the log for each proposal, with a seed of its own, so that a search that was
killed goes on exactly as if it had not been.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from turret.errors import MissingPartError
from turret.pipeline.tuning.trials import Trial
from turret.recipe.tuning import Range

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

__all__ = ["Proposal", "Search"]

_BY_MODEL = 10
"""So many proposals of the sampler that were tried before; then the next are drawn evenly."""

_ENOUGH = 10
"""So many complete trials tell something of what matters."""


class Proposal:
    """Settings to try.

    Args:
        trial: the trial of the study they are of.
        values: value by key.
    """

    def __init__(self, trial: "optuna.Trial", values: dict[str, Any]) -> None:
        """Keep both."""
        self._trial, self.values = trial, values

    def hopeless(self, epoch: int, metric: float) -> bool:
        """Take a measurement, and tell whether to give up.

        Args:
            epoch: counted from 1.
            metric: what was measured after it.

        Returns:
            Whether the best so far is below the median of earlier trials at that epoch.
        """
        self._trial.report(metric, epoch)
        return bool(self._trial.should_prune())


class Search:
    """Proposes settings by the tree-structured Parzen estimator.

    Args:
        space: the values that each key may take.
        seed: decides what chance decides.
        prune: give up what lags behind.
        patience: no trial is given up within so many epochs.

    Raises:
        MissingPartError: Optuna is not installed.

    Reference:
        Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011.
        https://papers.nips.cc/paper/4443-algorithms-for-hyper-parameter-optimization
    """

    def __init__(
        self, space: Mapping[str, Range], *, seed: int, prune: bool, patience: int
    ) -> None:
        """Load Optuna."""
        try:
            import optuna
        except ImportError as error:
            raise MissingPartError("optuna", extra="tune") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna, self._seed = optuna, seed
        self._space, self._distributions = space, {k: _distribution(r) for k, r in space.items()}
        self._pruner = (
            optuna.pruners.MedianPruner(n_warmup_steps=patience)
            if prune
            else optuna.pruners.NopPruner()
        )

    def propose(self, trials: Sequence[Trial]) -> Proposal | None:
        """Return settings that were not tried yet.

        Args:
            trials: those that are over.

        Returns:
            The proposal; None where everything was tried.
        """
        tried = {msgspec.json.encode(trial.values, order="sorted") for trial in trials}
        sizes = [one.count for one in self._space.values()]
        if None not in sizes and len(tried) >= math.prod(size or 0 for size in sizes):
            return None
        study = self._study(trials)
        for attempt in itertools.count():
            study.sampler = self._sampler(len(trials), attempt)
            trial = study.ask(dict(self._distributions))
            values = self._values(trial.params)
            if msgspec.json.encode(values, order="sorted") not in tried:
                return Proposal(trial, values)
            study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        raise AssertionError("it counts for ever")

    def importance(self, trials: Sequence[Trial]) -> dict[str, float]:
        """Return how much of what makes trials good each key decides.

        Args:
            trials: those that are over.

        Returns:
            Shares that add up to 1, the greatest first, by PED-ANOVA; nothing where fewer than ten
            trials are complete.

        Reference:
            Watanabe et al., PED-ANOVA, IJCAI 2023. https://arxiv.org/abs/2304.10255
        """
        if sum(trial.state == "complete" for trial in trials) < _ENOUGH:
            return {}
        return dict(self._optuna.importance.get_param_importances(self._study(trials)))

    def _sampler(self, number: int, attempt: int) -> "optuna.samplers.BaseSampler":
        seed = int(np.random.SeedSequence([self._seed, number, attempt]).generate_state(1)[0])
        samplers = self._optuna.samplers
        return (
            samplers.TPESampler(seed=seed)
            if attempt < _BY_MODEL
            else samplers.RandomSampler(seed=seed)
        )

    def _study(self, trials: Sequence[Trial]) -> "optuna.Study":
        study = self._optuna.create_study(direction="maximize", pruner=self._pruner)
        create, states = self._optuna.trial.create_trial, self._optuna.trial.TrialState
        for trial in trials:
            if trial.state != "failed":
                complete = trial.state == "complete"
                past = create(
                    state=states.COMPLETE if complete else states.PRUNED,
                    value=trial.metric,
                    params=self._parameters(trial.values),
                    distributions=dict(self._distributions),
                    intermediate_values=dict(trial.measured),
                )
                study.add_trial(past)
        return study

    def _values(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """What a recipe takes: Optuna knows choices by their place."""
        return {
            key: value if one.choices is None else one.choices[value]
            for key, one in self._space.items()
            for value in (parameters[key],)
        }

    def _parameters(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: values[key] if one.choices is None else _place(one.choices, values[key])
            for key, one in self._space.items()
        }


def _place(choices: Sequence[Any], value: Any) -> int:
    """Where a choice stands; as TOML sees it, `true` is not 1."""
    return [msgspec.json.encode(choice) for choice in choices].index(msgspec.json.encode(value))


def _distribution(one: Range) -> "BaseDistribution":
    from optuna import distributions

    if one.choices is not None:
        return distributions.CategoricalDistribution(tuple(range(len(one.choices))))
    assert one.low is not None and one.high is not None
    if one.whole:
        step = 1 if one.step is None else int(one.step)
        return distributions.IntDistribution(int(one.low), int(one.high), log=one.log, step=step)
    return distributions.FloatDistribution(one.low, one.high, log=one.log, step=one.step)
