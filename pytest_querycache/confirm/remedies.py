"""What mends it when the old code cannot be executed, said behind the reason."""

from __future__ import annotations

import re
from dataclasses import dataclass

SUGGESTED = 'confirm_setup = "pip install --no-build-isolation --no-deps -e ."'
"""A build that needs no network, and leaves the dependencies as the session has them."""

_IMPORT = re.compile(
    r"ModuleNotFoundError|ImportError|cannot import name|No module named|PackageNotFoundError"
)
_FILE = re.compile(r"FileNotFoundError|No such file or directory|fixture '.*' not found")
_LFS = re.compile(r"git-lfs\.github\.com")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedies:
    """Advice for a base commit that was built by the command ``setup``, or as it is when that is empty."""

    setup: str = ""

    def added_to(self, reason: str) -> str:
        """The reason why the old code did not run, with what to do where that can be told."""
        if _LFS.search(reason):
            return f"{reason}; the file's content is not here (git lfs fetch --all brings it)"
        if _IMPORT.search(reason):
            if self.setup:
                return f"{reason}; does confirm_setup ({self.setup}) build what the old code imports?"
            return f"{reason}; if the old code has to be built or is not in git, say how: {SUGGESTED}"
        if _FILE.search(reason):
            return (
                f"{reason}; is it a file that git does not track? confirm_setup can make it for the old code"
            )
        return reason

    def of_wrong_imports(self, file: str) -> str:
        """Why figures prove nothing where a process of the old code imported something of the new."""
        if self.setup:
            mended = f"confirm_setup ({self.setup}) did not put the old code in its place"
        else:
            mended = f"let the old code be installed for the comparison: {SUGGESTED}"
        return f"incomparable: the process for the old code imported the new ({file}); {mended}"
