"""``querycache merge``: the baselines that the jobs of a matrix recorded become one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import BaselineError
from ..model.baseline import Baseline, Section
from ..storage.baseline_file import read_baseline, update_baseline


def merge(paths: Sequence[Path], into: Path) -> dict[str, bool]:
    """Put every section of some baselines into another file; gives the sections' names, and whether they changed.

    Sections that the other file alone knows stay. Each job of a matrix updates its own section in a copy of the
    whole file, so a section that is as the other file has it gives way to one that is not. Raises BaselineError
    where two of the baselines changed one environment differently, because nobody could say which is right.
    """
    read = [(path, read_baseline(path).sections) for path in paths]
    changed: dict[str, bool] = {}

    def change(baseline: Baseline) -> None:
        news = _news(read, baseline)
        changed.update({key: key in news for _, sections in read for key in sections})
        baseline.sections.update(news)

    update_baseline(into, change)
    return dict(sorted(changed.items()))


def _news(read: Sequence[tuple[Path, dict[str, Section]]], old: Baseline) -> dict[str, Section]:
    """The sections that are not as the old baseline has them: their figures, or where these were measured."""
    homes: dict[str, Path] = {}
    news: dict[str, Section] = {}
    for path, sections in read:
        for key, section in sections.items():
            if key in old.sections and section == old.sections[key]:
                continue
            if key in news and news[key] != section:
                what = (
                    "figures" if news[key].entries != section.entries else "machines, dependencies or commits"
                )
                raise BaselineError(
                    f"{homes[key]} and {path} hold {key} with different {what}; "
                    "expected each environment in one of them"
                )
            news[key] = section
            homes[key] = path
    return news
