"""`make bench`: every study of this folder, one after the other, as Markdown.

python -m tests.benchmarks                          all of them
python -m tests.benchmarks soak --duration 60m      one, with its own options
"""

import importlib
import pkgutil
import sys

import tests.benchmarks as studies


def main(arguments: list[str]) -> int:
    """Run `main()` of every module of the folder that has one, or of the named one.

    Returns the highest exit code.
    """
    found = [
        each.name
        for each in pkgutil.iter_modules(studies.__path__)
        if not each.name.startswith(("test_", "__"))
    ]
    name, *options = arguments or [""]
    if name and name not in found:
        print(f"no study is named {name!r}: choose {', '.join(found)}", file=sys.stderr)
        return 2
    codes = [0]
    for each in [name] if name else found:
        study = importlib.import_module(f"{studies.__name__}.{each}")
        if hasattr(study, "main"):
            print(f"\n## {each}\n\n{(study.__doc__ or '').splitlines()[0]}\n")
            code = study.main(options) if options else study.main()
            codes.append(code or 0)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
