"""`make bench`: every study of this folder, one after the other, as Markdown."""

import importlib
import pkgutil

import tests.benchmarks as studies


def main() -> None:
    """Run `main()` of every module of the folder that has one."""
    for found in pkgutil.iter_modules(studies.__path__):
        if found.name.startswith(("test_", "__")):
            continue
        study = importlib.import_module(f"{studies.__name__}.{found.name}")
        if hasattr(study, "main"):
            print(f"\n## {found.name}\n\n{(study.__doc__ or '').splitlines()[0]}\n")
            study.main()


if __name__ == "__main__":
    main()
