"""Runs all benchmarks one after the other: ``python -m benchmarks [--small]``."""

import pkgutil
from importlib import import_module

import benchmarks


def main() -> None:
    for found in pkgutil.iter_modules(benchmarks.__path__):
        if not found.ispkg and found.name != "__main__":
            print(f"# {found.name}", flush=True)
            import_module(f"benchmarks.{found.name}").main()


if __name__ == "__main__":
    main()
