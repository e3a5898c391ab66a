"""One module per command of the command line: ``run(options) -> exit code``."""
