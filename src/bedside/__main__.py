"""`python -m bedside` is `bedside`."""

from bedside.cli.main import run

if __name__ == "__main__":
    run()
