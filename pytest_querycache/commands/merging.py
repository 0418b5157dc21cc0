"""``querycache merge``: the baselines that the jobs of a matrix recorded become one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import BaselineError
from ..model.baseline import Baseline, Section
from ..storage.baseline_file import read_baseline, update_baseline


def merge(paths: Sequence[Path], into: Path) -> list[str]:
    """Put every section of some baselines into another file, in place of its own; gives the sections' names.

    Sections that the other file alone knows stay. Raises BaselineError where two of the baselines hold one
    environment with different figures, because nobody could say which are right.
    """
    homes: dict[str, Path] = {}
    sections: dict[str, Section] = {}
    for path in paths:
        for key, section in read_baseline(path).sections.items():
            if key in sections and sections[key].entries != section.entries:
                raise BaselineError(
                    f"{homes[key]} and {path} hold {key} with different figures; "
                    "expected each environment in one of them"
                )
            sections[key] = section
            homes[key] = path

    def change(baseline: Baseline) -> None:
        baseline.sections.update(sections)

    update_baseline(into, change)
    return sorted(sections)
