"""`python -m loadtest` is `bbbload`: for child processes that must use this Python."""

from loadtest.cli import main

main()
