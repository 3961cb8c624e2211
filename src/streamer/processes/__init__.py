"""Processes of ours: how they are started, kept, stopped and heard.

Layout:

- `child`: our own commands as child processes: started, waited for, and ended in order.
- `parent`: a child process ends when its parent does, however that came about.
- `keeper`: a child that is to run for as long as we do: started again when it dies.
- `stop_signals`: the signals that ask a process to stop in order.
- `log_lines`: how a process writes its log: one line for each thing, on the standard error.
"""

__all__ = ["child", "keeper", "log_lines", "parent", "stop_signals"]
