"""The hook for subjects of commits."""

import subprocess
from pathlib import Path

import pytest

HOOK = Path(__file__).parents[1] / ".githooks/commit-msg"


@pytest.mark.parametrize(
    ("subject", "accepted"),
    [
        ("store: verify manifests", True),
        ("data, own: read tables", True),
        ("ci: " + "x" * 68, True),
        ("ci: " + "x" * 69, False),
        ("Verify manifests", False),
        ("store: Verify manifests", False),
        ("store verify manifests", False),
        ("Merge branch 'main'", True),
    ],
)
def test_subject_of_a_commit_is_checked(tmp_path, subject, accepted):
    (tmp_path / "message").write_text(f"{subject}\n\nA body of any length.\n# a comment\n")
    done = subprocess.run([HOOK, tmp_path / "message"], capture_output=True, text=True)
    assert (done.returncode == 0) == accepted
    assert bool(done.stderr) != accepted
