"""Reasons why the old code did not run, with what mends it."""

from __future__ import annotations

import pytest

from pytest_querycache.confirm.remedies import SUGGESTED, Remedies


@pytest.mark.parametrize(
    "reason",
    [
        "a fresh process ended with exit status 4: E   ModuleNotFoundError: No module named 'lib._native'",
        "a fresh process does not collect this test (ImportError: cannot import name 'x' from 'lib')",
    ],
)
def test_failed_import_names_the_setting(reason: str) -> None:
    """What cannot be imported may have to be built; where it was, the build is asked about."""
    assert (
        Remedies()
        .added_to(reason)
        .endswith(f"; if the old code has to be built or is not in git, say how: {SUGGESTED}")
    )
    assert (
        Remedies(setup="make").added_to(reason)
        == f"{reason}; does confirm_setup (make) build what the old code imports?"
    )


@pytest.mark.parametrize(
    "reason",
    ["FileNotFoundError: [Errno 2] No such file or directory: 'data.csv'", "fixture 'client' not found"],
)
def test_missing_file_may_be_untracked(reason: str) -> None:
    """A file or a fixture that is only missing in the old code may never have been committed."""
    assert "git does not track" in Remedies().added_to(reason)


def test_pointer_of_large_file_storage() -> None:
    """A test that read a pointer instead of its file is told how the file comes here."""
    reason = "ValueError: invalid literal: 'version https://git-lfs.github.com/spec/v1'"
    assert Remedies().added_to(reason).endswith("(git lfs fetch --all brings it)")


def test_other_reasons_stay_as_they_are() -> None:
    """Where nothing can be advised nothing is."""
    assert Remedies().added_to("assert 1 == 2") == "assert 1 == 2"


def test_wrong_imports() -> None:
    """A process that imported the new code proves nothing; the message says so and what to set."""
    assert Remedies().of_wrong_imports("src/lib.py") == (
        "incomparable: the process for the old code imported the new (src/lib.py); "
        f"let the old code be installed for the comparison: {SUGGESTED}"
    )
    assert "confirm_setup (make) did not" in Remedies(setup="make").of_wrong_imports("src/lib.py")
