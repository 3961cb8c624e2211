"""What the tests stand on: programs, processes, fixtures, waiting."""
