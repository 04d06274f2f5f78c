#!/usr/bin/python3
"""How long each client is without a master: tests/compat/measure.py RUNS [--direct].

The drill of test_failover.py, again and again; --direct is the control, a lab without a
proxy. What follows is for `sunder lab`, such as --rule SENTENCE. Prints the median, the
best and the worst of the longest time between two writes that were acknowledged, in
seconds.
"""

import pathlib
import statistics
import sys
import tempfile

import conftest
import test_failover


def run(directory):
    with test_failover.drill_in(pathlib.Path(directory), conftest.install(),
                                *sys.argv[2:]) as drill:
        return drill.gaps


def main():
    gaps = {}
    for _ in range(int(sys.argv[1])):
        with tempfile.TemporaryDirectory() as directory:
            for key, gap in run(directory).items():
                gaps.setdefault(key, []).append(gap)
    for (name, when), all_of_them in sorted(gaps.items()):
        print(f"{name:12} {when:9} n={len(all_of_them):<3} "
              f"median {statistics.median(all_of_them):5.2f}  "
              f"best {min(all_of_them):5.2f}  worst {max(all_of_them):5.2f}")


if __name__ == "__main__":
    main()
