"""Whether a comparison can be carried out, before anything is measured or written."""

from collections.abc import Iterator, Sequence
from functools import partial

import jax

from blurax.baselines import baseline, is_built_in
from blurax.curves import AT_ONCE, check_memory
from blurax.errors import require
from blurax.experiments.compare_entrants import Entrant
from blurax.experiments.compare_plan import Plan
from blurax.experiments.compare_tasks import NONE, OwnTasks
from blurax.fit import for_task, network_for
from blurax.genome import Genome
from blurax.network import Network
from blurax.outer.numbers import check_step
from blurax.tasks import EpisodeSpec, Split, Task, get


def places(plan: Plan, own: OwnTasks) -> Iterator[tuple[tuple[int, int], Task, Network]]:
    """Every task with every network, and their numbers in the plan."""
    for t, name in enumerate(plan.tasks):
        task = own[name] if name in own else get(name)
        for n, net in enumerate(plan.nets):
            yield (t, n), task, network_for(task, net)


def check(plan: Plan, entrants: Sequence[Entrant], own: OwnTasks = NONE) -> None:
    """Find out whether a comparison can be carried out.

    Args:
        entrants: those of `plan.genomes`.
        own: tasks of the user's own.

    Raises:
        BluraxError: if a task, a network and a genome or learner do not fit each other, or there is
            too little memory.
    """
    for (_, n), task, network in places(plan, own):
        if n == 0:  # what is of the task alone
            _check_stages(plan, task)
            _check_episodes(plan, task)
        for each in entrants:
            each.check(network, task)
        for name in plan.baselines:
            found = baseline(name)
            learner = found.make(plan.tuning.arrangements(found, network)[0], network, task)
            if is_built_in(name):
                for_task(learner, task)
            else:
                check_step(learner, task)
        _check_memory(plan, task, network, entrants)


def _check_stages(plan: Plan, task: Task) -> None:
    """Raise `BluraxError` if a sequence would not be learned to its end."""
    stages = task.stages
    require(
        stages is None or plan.budgets[-1] == stages.total,
        f"Task {task.name} has {stages}, but the last number of steps is {plan.budgets[-1]}; it "
        f"takes {stages.total if stages else 0}, all the stages.",
    )


def _check_episodes(plan: Plan, task: Task) -> None:
    """Raise `BluraxError` if a task has too little for an episode, in whatever split is asked."""
    spec = EpisodeSpec(steps=AT_ONCE, batch=plan.batch)
    for split in (Split.VALIDATE, Split.TEST) if plan.baselines else (Split.TEST,):
        jax.eval_shape(partial(task.sample, spec=spec, split=split), jax.random.key(0))


def check_sources(plan: Plan, entrants: Sequence[Entrant], own_tasks: OwnTasks) -> None:
    """Raise `BluraxError` where a directory could not tell versions of code apart."""
    known = {source.name for source in plan.sources}
    own = [each.name for each in entrants if not isinstance(each.learned, Genome)]
    own += [name for name in plan.baselines if not is_built_in(name)]
    named = [(name, name) for name in own] + [(name, f"task {name}") for name in own_tasks]
    for name, label in named:
        require(
            label in known,
            f"The source of {name} cannot be found, so a directory could not tell its versions "
            "apart; write it into a file.",
        )


def _check_memory(plan: Plan, task: Task, network: Network, entrants: Sequence[Entrant]) -> None:
    """Raise `BluraxError` if a cell would not fit in memory."""
    where = {"stops": plan.budgets, "batch": plan.batch}
    for each in entrants:
        rule = each.learned.rule if isinstance(each.learned, Genome) else None
        check_memory(network, task, plan.seeds, split=Split.TEST, rule=rule, **where)
    if plan.baselines:
        tuned = max(plan.tuning.seeds, plan.tuning.long_seeds)
        check_memory(network, task, plan.seeds, split=Split.TEST, **where)
        check_memory(network, task, tuned, split=Split.VALIDATE, **where)
