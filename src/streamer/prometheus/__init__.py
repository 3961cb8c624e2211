"""The numbers of a host, as Prometheus reads them at ``/metrics``.

Layout:

- `families`: every metric: its name, its kind, its unit, its labels, and what it says.
- `counting`: counts in plain numbers: no lock, no library.
- `numbers`: numbers by metric and labels, and how those of several processes are one.
- `resources`: what a process takes of its machine.
- `shared`: the numbers of all processes of a host: a file of each, in one directory.
- `run_directory`: a directory of one run, for the numbers of its processes.
- `reporting`: says once a second what a server process has counted, and how it stands.
- `of_log`: numbers of the whole log: its jobs, its queues, its workers.
- `of_worker`: says once a second what a worker process takes of its machine.
- `page`: numbers in the format that Prometheus asks for.
"""

__all__ = [
    "counting",
    "families",
    "numbers",
    "of_log",
    "of_worker",
    "page",
    "reporting",
    "resources",
    "run_directory",
    "shared",
]
