"""Processes of ours: how they are started, kept, stopped and heard.

Layout:

- `child`: our own commands as child processes: started, waited for, and ended in order.
- `parent`: a process of ours ends when its parent does, however that came about.
- `leash`: runs a program that ends when whoever holds our standard input does.
- `keeper`: a child that is to run for as long as we do: started again when it dies.
- `replaced`: a child that is to run for as long as we do, and is replaced when its code changes.
- `turn`: a process that takes another's place begins once that one has ended, as its parent says.
- `stop_signals`: the signals that ask a process to stop in order.
- `log_lines`: how a process writes its log: one line for each thing, on the standard error.
- `log_text`: a line of the log as a person reads it.
- `log_json`: a line of the log as a JSON object, for programs.
- `log_writing`: a handler of `logging` that never makes anybody wait for whoever reads the log.
"""

__all__ = [
    "child",
    "keeper",
    "leash",
    "log_json",
    "log_lines",
    "log_text",
    "log_writing",
    "parent",
    "replaced",
    "stop_signals",
    "turn",
]
