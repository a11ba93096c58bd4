"""Lets `python -m turret` be the command `turret`."""

from turret.cli.app import main

__all__ = []

if __name__ == "__main__":
    main()
