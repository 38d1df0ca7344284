"""The output of `pip wheel`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent


def wheel(folder: Path) -> subprocess.CompletedProcess[str]:
    pip = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-build-isolation",
        "--no-deps",
        "--no-index",
        "--wheel-dir",
        "out",
    ]
    return subprocess.run([*pip, "."], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(HERE / name, tmp_path)
    shutil.copytree(HERE / "src", tmp_path / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    return tmp_path


def test_a_wheel_contains_the_files_that_a_call_needs(folder: Path) -> None:
    result = wheel(folder)
    assert result.returncode == 0, result.stderr
    (file,) = (folder / "out").iterdir()
    assert {f"fastly_package/{name}" for name in ("guarded.wasm", "open_stdin.wat", "py.typed")} <= set(
        zipfile.ZipFile(file).namelist()
    )


def test_a_wheel_requires_the_component(folder: Path) -> None:
    (folder / "src/fastly_package/guarded.wasm").unlink()
    result = wheel(folder)
    assert result.returncode != 0
    assert "guarded.wasm is missing; see README.md" in result.stderr + result.stdout
    assert not (folder / "out").exists() or not [*(folder / "out").iterdir()]
