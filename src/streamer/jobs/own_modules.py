"""A user's own modules of actors, named as on Dramatiq's command line: ``myapp.tasks[:broker]``."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

import dramatiq
from dramatiq import Broker

#: Queues that have a worker of their own, by package and class, and the command that starts it.
_OTHERS: Final = {
    ("celery", "Celery"): ("a Celery app", "celery -A {module} worker"),
    ("rq", "Queue"): ("an RQ queue", "rq worker --worker-class streamer.RQWorker"),
    ("taskiq", "AsyncBroker"): ("a taskiq broker", "taskiq worker {module}:{name}"),
}


class UnusableModule(Exception):
    """A module that has no actors to run; its text says which, and why."""


class Own(NamedTuple):
    """What was found in the modules."""

    modules: tuple[str, ...]
    broker: Broker


def load_own(names: Sequence[str]) -> Own:
    """Import modules, also from the working directory, and find the broker of their actors.

    It is the one that stands behind the colon; else the module's ``broker``, if that is one;
    else the global one of Dramatiq.

    Raises:
        UnusableModule: one is missing, fails, has no broker or no actors, or two have
            different brokers.
    """
    if "" not in sys.path:
        sys.path.insert(0, "")
    found = [_load(name) for name in names]
    for module, broker in found[1:]:
        if broker is not found[0][1]:
            raise UnusableModule(
                f"{found[0][0]} and {module} have brokers of their own; a worker has one: "
                "start a `streamer worker` for each"
            )
    return Own(tuple(module for module, _ in found), found[0][1])


def module_of(name: str) -> str:
    """The module of ``myapp.tasks[:broker]``.

    Raises:
        UnusableModule: that is not what `name` is.
    """
    module, colon, attribute = name.partition(":")
    if not all(part.isidentifier() for part in module.split(".")) or (
        colon and not all(part.isidentifier() for part in attribute.split("."))
    ):
        raise UnusableModule(
            f"{name!r} is no module; it must be as in myapp.tasks or "
            f"myapp.tasks:broker{_meant(name)}"
        )
    return module


def _meant(name: str) -> str:
    """What is meant by the name of a file."""
    if not name.endswith(".py"):
        return ""
    return f"; did you mean {'.'.join(Path(name).with_suffix('').parts)}?"


def _load(name: str) -> tuple[str, Broker]:
    module = module_of(name)
    imported = _imported(module)
    broker = _broker_of(imported, name.partition(":")[2])
    if not broker.actors:
        _refuse_other_queues(imported)
        raise UnusableModule(
            f"{module} has no actors: none of its functions is a @dramatiq.actor of "
            f"{_called(imported, broker)}"
        )
    return module, broker


def _imported(module: str) -> ModuleType:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise UnusableModule(
                f"there is no module {error.name!r} in {Path.cwd()}, nor installed"
                + (f", so {module} cannot be run" if error.name != module else "")
                + _meant(module)
            ) from error
        raise UnusableModule(why_not_imported(module, error)) from error
    except SystemExit as error:
        raise UnusableModule(f"{module} ends the program when it is imported") from error
    except Exception as error:
        raise UnusableModule(why_not_imported(module, error)) from error


def why_not_imported(module: str, error: Exception) -> str:
    """What went wrong, and on which line of the user's: the last that is not a library's."""
    what = "".join(traceback.format_exception_only(error)).rstrip()
    if isinstance(error, SyntaxError):
        return f"{module} cannot be imported:\n{what}"
    frames = traceback.extract_tb(error.__traceback__)
    places = [each for each in frames if not _is_foreign(each.filename)]
    lines = "".join(f'\n  File "{at.filename}", line {at.lineno}\n    {at.line}' for at in places)
    return f"{module} cannot be imported:{lines}\n{what}"


def _is_foreign(filename: str) -> bool:
    """Whether a file is the interpreter's, a library's or ours, and so no place to look at."""
    if filename.startswith("<"):
        return True
    path = Path(filename)
    ours = Path(__file__).parents[1]
    return (
        path.is_relative_to(ours)
        or "site-packages" in path.parts
        or path.is_relative_to(Path(traceback.__file__).parent)
    )


def _broker_of(module: ModuleType, attribute: str) -> Broker:
    if not attribute:
        broker = getattr(module, "broker", None)
        if isinstance(broker, Broker):
            return broker
        if broker is not None:
            _refuse_other_queue(module, "broker", broker)
        return dramatiq.get_broker()
    found: object = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise UnusableModule(
                f"{module.__name__} has no {attribute!r}; the name behind the colon is that of a "
                "Dramatiq broker in it, and may be left out where it is `broker` or the global one"
            )
        found = getattr(found, part)
    if not isinstance(found, Broker):
        _refuse_other_queue(module, attribute, found)
        raise UnusableModule(
            f"{module.__name__}:{attribute} is a {type(found).__qualname__}, and no Dramatiq broker"
        )
    return found


def _refuse_other_queues(module: ModuleType) -> None:
    for name, value in vars(module).items():
        _refuse_other_queue(module, name, value)


def _refuse_other_queue(module: ModuleType, name: str, value: object) -> None:
    for base in type(value).__mro__:
        other = _OTHERS.get((base.__module__.partition(".")[0], base.__name__))
        if other is not None:
            what, command = other
            raise UnusableModule(
                f"{module.__name__}:{name} is {what}, which has a worker of its own: "
                f"{command.format(module=module.__name__, name=name)}. "
                f"With streamer.install({name}) its jobs are reported all the same"
            )


def _called(module: ModuleType, broker: Broker) -> str:
    for name, value in vars(module).items():
        if value is broker:
            return f"{module.__name__}.{name}"
    return "the global broker"
