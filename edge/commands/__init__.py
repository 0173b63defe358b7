"""One file for each command of ``fer-edge``, beside what only that command needs."""
