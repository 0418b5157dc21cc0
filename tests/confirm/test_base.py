"""The old code: which commit, laid out where, and whether a test itself changed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pytest_querycache.confirm.base_choice import choose_bases, in_both
from pytest_querycache.confirm.base_tree import BaseTree
from pytest_querycache.confirm.source_change import source_differs
from pytest_querycache.errors import ArmError
from pytest_querycache.model.baseline import Baseline, Commit, Entry, Figure, Section
from pytest_querycache.model.environment import StoredEnvironment
from pytest_querycache.storage.baseline_text import write_baseline
from tests.confirm.test_duels import suspect

TEST = "t.py::test_one"


class Repository:
    """A repository with one commit of a library, and a hook that tells when it ran."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.git("init", "--quiet")
        self.git("config", "user.name", "a")
        self.git("config", "user.email", "a@example.org")
        self.hook_ran = folder.parent / "hook-ran"
        hook = folder / ".git" / "hooks" / "post-checkout"
        hook.write_text(f"#!/bin/sh\ntouch '{self.hook_ran}'\n")
        hook.chmod(0o755)
        self.commit("t.py", "def test_one(): pass\n")
        self.first = self.commit("lib.py", "VALUE = 1\n")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        self.git("add", name)
        self.git("commit", "--quiet", "-m", name)
        return self.git("rev-parse", "HEAD")

    def baseline(self, *, commit: str, dirty: bool) -> Section:
        """A committed baseline whose entry was measured at a commit."""
        entry = Entry([("wall_time", Figure(1.0))], commit=commit[:12])
        section = Section(
            environment=StoredEnvironment(),
            entries={TEST: entry},
            commits={commit[:12]: Commit(dirty=dirty)},
        )
        self.last = self.commit("perf-baseline.json", write_baseline(Baseline(sections={"k": section})))
        return section

    def choose(self, section: Section | None, against: str = "") -> tuple[list[str], dict[str, str]]:
        chosen, problems = choose_bases(
            [suspect(TEST)],
            section,
            baseline=self.folder / "perf-baseline.json",
            folder=self.folder,
            section_key="k",
            against=against,
        )
        return list(chosen), problems


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    folder = tmp_path / "project"
    folder.mkdir()
    return Repository(folder)


def test_clean_commit_of_the_entry_is_the_base(repository: Repository) -> None:
    """An entry measured at a clean commit is compared with that commit."""
    section = repository.baseline(commit=repository.first, dirty=False)
    assert repository.choose(section) == ([repository.first], {})


def test_dirty_measurement_goes_back_to_the_commit_of_its_line(repository: Repository) -> None:
    """An entry measured in a changed tree was committed together with that change: its line's commit is the base."""
    section = repository.baseline(commit=repository.first, dirty=True)
    assert repository.choose(section) == ([repository.last], {})


def test_commit_without_the_test_is_no_base(repository: Repository) -> None:
    """A test that was not yet committed when it was measured is compared with the commit of its entry's line."""
    repository.git("rm", "--quiet", "t.py")
    repository.git("commit", "--quiet", "-m", "no test yet")
    without = repository.git("rev-parse", "HEAD")
    repository.commit("t.py", "def test_one(): pass\n")
    section = repository.baseline(commit=without, dirty=False)
    assert repository.choose(section) == ([repository.last], {})


def test_line_of_another_section_is_not_blamed(repository: Repository) -> None:
    """The same test stands in a section for each Python; only its own section's line tells."""
    section = repository.baseline(commit=repository.first, dirty=True)
    mine = repository.last
    both = Baseline(sections={"k": section, "another": section})
    repository.commit("perf-baseline.json", write_baseline(both))
    assert repository.choose(section) == ([mine], {})


def test_ref_that_was_asked_for_is_the_base(repository: Repository) -> None:
    """What --perf-against names beats everything, and needs no entry."""
    repository.commit("lib.py", "VALUE = 2\n")
    assert repository.choose(None, against="HEAD~1") == ([repository.first], {})


def test_uncommitted_baseline_has_no_base(repository: Repository) -> None:
    """A baseline that was never committed proves nothing, and the reason says what to do."""
    section = repository.baseline(commit=repository.first, dirty=True)
    repository.git("rm", "--quiet", "--cached", "perf-baseline.json")
    repository.git("commit", "--quiet", "-m", "gone")
    chosen, problems = repository.choose(section)
    assert chosen == []
    assert problems[TEST].endswith("commit the baseline together with the code it measured")


def test_folder_without_a_repository_has_no_base(tmp_path: Path) -> None:
    """Outside a repository the reason says so."""
    _, problems = choose_bases(
        [suspect(TEST)], None, baseline=tmp_path / "b.json", folder=tmp_path, section_key="k"
    )
    assert problems == {TEST: "no old code to compare with: this is not a git repository"}


def test_repository_that_git_refuses(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository that git does not read, such as another user's, or for want of git, is told from none."""
    (repository.folder / ".git" / "HEAD").write_text("broken")
    (problem,) = repository.choose(None)[1].values()
    assert "git refuses to read this repository" in problem
    assert "safe.directory" in problem
    monkeypatch.setenv("PATH", "")
    assert repository.choose(None)[1] == {TEST: "no old code to compare with: git is not installed"}


def test_shallow_clone_is_recognised(repository: Repository, tmp_path: Path) -> None:
    """A commit that a shallow clone does not have is explained by the clone's depth."""
    section = repository.baseline(commit="f" * 40, dirty=False)
    repository.commit("lib.py", "VALUE = 3\n")
    shallow = tmp_path / "shallow"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", f"file://{repository.folder}", str(shallow)], check=True
    )
    _, problems = choose_bases(
        [suspect("t.py::unknown")], section, baseline=shallow / "x", folder=shallow, section_key="k"
    )
    assert "fetch-depth: 0" in problems["t.py::unknown"]


@pytest.mark.parametrize(("depth", "is_known"), [(1, False), (2, True)])
def test_commit_at_which_a_history_was_cut_off_takes_no_blame(
    repository: Repository, tmp_path: Path, depth: int, is_known: bool
) -> None:
    """Git blames a shallow clone's oldest commit for all before it; compared with that, slow code met itself."""
    section = repository.baseline(commit="f" * 40, dirty=False)
    if not is_known:
        repository.commit("lib.py", "VALUE = 'slow'\n")
    shallow = tmp_path / "shallow"
    subprocess.run(
        ["git", "clone", "--quiet", f"--depth={depth}", f"file://{repository.folder}", str(shallow)],
        check=True,
    )
    chosen, problems = choose_bases(
        [suspect(TEST)], section, baseline=shallow / "perf-baseline.json", folder=shallow, section_key="k"
    )
    assert list(chosen) == ([repository.last] if is_known else [])
    assert ["fetch-depth: 0" in problem for problem in problems.values()] == ([] if is_known else [True])


def test_old_code_is_laid_out_without_touching_the_checkout(repository: Repository, tmp_path: Path) -> None:
    """The tree holds the old code; no hook ran, and index, stash and work trees stayed as they were."""
    repository.commit("lib.py", "VALUE = 2\n")
    (repository.folder / "lib.py").write_text("VALUE = 3\n")
    before = repository.git("status", "--porcelain"), repository.git("worktree", "list")
    tree = BaseTree(repository.folder, repository.first, tmp_path / "work")
    assert (tree.root / "lib.py").read_text() == "VALUE = 1\n"
    assert (repository.folder / "lib.py").read_text() == "VALUE = 3\n"
    assert (repository.git("status", "--porcelain"), repository.git("worktree", "list")) == before
    assert not repository.hook_ran.exists()


def test_submodules_are_laid_out_from_the_checkout(repository: Repository, tmp_path: Path) -> None:
    """A submodule comes from the user's own copy of it, at the commit the old code names; nothing is fetched."""
    inner = Repository(tmp_path / "inner")
    allowed = ("-c", "protocol.file.allow=always")
    repository.git(*allowed, "submodule", "--quiet", "add", str(inner.folder), "vendor/inner")
    repository.git("commit", "--quiet", "-m", "a submodule")
    inner.folder.rename(tmp_path / "moved away")
    (repository.folder / "vendor" / "inner" / "lib.py").write_text("VALUE = 9\n")
    tree = BaseTree(repository.folder, repository.git("rev-parse", "HEAD"), tmp_path / "work")
    assert (tree.root / "vendor" / "inner" / "lib.py").read_text() == "VALUE = 1\n"


def test_submodule_that_is_not_here_stays_empty(repository: Repository, tmp_path: Path) -> None:
    """Tests that need none of it can still be compared."""
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/inner")
    repository.git("commit", "--quiet", "-m", "a submodule nobody initialised")
    tree = BaseTree(repository.folder, repository.git("rev-parse", "HEAD"), tmp_path / "work")
    assert (tree.root / "lib.py").exists()


CONTENT = "hello"
DIGEST = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{DIGEST}\nsize 5\n"


@pytest.mark.parametrize(("here", "text"), [(True, CONTENT), (False, POINTER)], ids=["here", "not here"])
def test_large_files_have_their_content(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool, text: str
) -> None:
    """A pointer is replaced by the content the repository holds; a filter that would download it does not run."""
    repository.commit("data.bin", POINTER)
    commit = repository.commit(".gitattributes", "*.bin filter=lfs -text\n")
    settings = tmp_path / "gitconfig"
    settings.write_text('[filter "lfs"]\nsmudge = no-such-filter\nrequired = true\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    if here:
        content = repository.folder / ".git" / "lfs" / "objects" / DIGEST[:2] / DIGEST[2:4] / DIGEST
        content.parent.mkdir(parents=True)
        content.write_text(CONTENT)
    tree = BaseTree(repository.folder, commit, tmp_path / "work")
    assert (tree.root / "data.bin").read_text() == text


def test_partial_clone_that_lacks_a_file(repository: Repository, tmp_path: Path) -> None:
    """Git would leave the file out without a word; nothing is downloaded, and the way out is named."""
    repository.commit("lib.py", "VALUE = 2\n")
    repository.git("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    clone = ["git", "clone", "--quiet", "--filter=blob:none", f"file://{repository.folder}", str(partial)]
    subprocess.run(clone, check=True)
    with pytest.raises(ArmError, match=r"lib\.py is not in this partial clone \(git fetch --refetch"):
        BaseTree(partial, repository.first, tmp_path / "work")


def test_variables_of_a_hook_are_not_obeyed(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that a hook of git's has started lays out its own repository all the same."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    tree = BaseTree(repository.folder, repository.first, tmp_path / "work")
    assert (tree.root / "lib.py").read_text() == "VALUE = 1\n"
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize("kind", ["worktree", "sparse"])
def test_other_kinds_of_checkouts(repository: Repository, tmp_path: Path, kind: str) -> None:
    """Work trees and sparse checkouts give the whole commit."""
    folder = tmp_path / kind
    if kind == "worktree":
        repository.git("worktree", "add", "--quiet", str(folder))
    else:
        repository.git("clone", "--quiet", "--sparse", str(repository.folder), str(folder))
        subprocess.run(["git", "sparse-checkout", "set", "nothing"], cwd=folder, check=True)
    tree = BaseTree(folder, repository.first, tmp_path / "work")
    assert (tree.root / "lib.py").read_text() == "VALUE = 1\n"


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX")
def test_names_of_any_encoding(repository: Repository, tmp_path: Path) -> None:
    """A file whose name is no UTF-8 is laid out as it is called."""
    name = os.fsdecode(b"caf\xe9.py")
    commit = repository.commit(name, "VALUE = 1\n")
    assert (BaseTree(repository.folder, commit, tmp_path / "work").root / name).exists()


def test_paths_are_mapped_into_the_old_code(repository: Repository, tmp_path: Path) -> None:
    """Folders of the working tree move, installed packages and everything outside stay."""
    tree = BaseTree(repository.folder, repository.first, tmp_path / "work")
    installed = repository.folder / ".venv" / "lib" / "site-packages"
    assert tree.mapped(repository.folder / "src") == tree.root / "src"
    assert tree.mapped(installed) == installed
    assert tree.mapped(tmp_path) == tmp_path


def test_commit_that_is_gone_is_said(repository: Repository, tmp_path: Path) -> None:
    """A commit that cannot be checked out is an error with git's own reason."""
    with pytest.raises(ArmError, match="the base commit could not be laid out"):
        BaseTree(repository.folder, "f" * 40, tmp_path / "work")


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        ("def test_a(): pass", "def test_a(): pass  # why", False),
        ("def test_a(): pass", "def test_a(): assert 1", True),
        ("def test_a(): pass", "@mark\ndef test_a(): pass", True),
        ("def test_b(): pass", "def test_a(): pass", False),
        ("class T:\n def test_a(self): pass", "class T:\n def test_a(self): 1", False),
        ("def test_a(:", "def test_a(): pass", False),
    ],
    ids=["comment", "body", "decorator", "not in both", "elsewhere", "no Python"],
)
def test_whether_the_test_itself_changed(tmp_path: Path, old: str, new: str, differs: bool) -> None:
    """Only a different definition of the very test counts; comments and other tests do not."""
    (tmp_path / "old.py").write_text(old)
    (tmp_path / "new.py").write_text(new)
    assert source_differs(tmp_path / "old.py", tmp_path / "new.py", "t.py::test_a[1]") is differs


def test_source_of_any_encoding(tmp_path: Path) -> None:
    """A file that declares its encoding is read in it."""
    for name, text in (("old", "caf\xe9"), ("new", "th\xe9")):
        source = f"# coding: latin-1\ndef test_a(): assert {text!r}\n"
        (tmp_path / f"{name}.py").write_bytes(source.encode("latin-1"))
    assert source_differs(tmp_path / "old.py", tmp_path / "new.py", "t.py::test_a")
    assert not source_differs(tmp_path / "old.py", tmp_path / "old.py", "t.py::test_a")


def test_tests_of_files_that_exist_on_both_sides(tmp_path: Path) -> None:
    """A test whose file the old code does not have is left out; one outside of both trees is not."""
    old, new = tmp_path / "old", tmp_path / "new"
    for file in (old / "a.py", new / "a.py", new / "b.py"):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    tests = ["a.py::t", "b.py::t", "outside.py::t", "::t"]
    assert in_both(tests, old, new) == {"a.py::t", "outside.py::t", "::t"}
