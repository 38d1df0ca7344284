"""Refuses to build a package without its component, which could make no call. All else is in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.errors import FileError

COMPONENT = Path(__file__).parent / "src/fastly_package/guarded.wasm"


class WithComponent(build_py):
    def run(self) -> None:
        # One that is installed as it is edited finds what is made later.
        if not self.editable_mode and not COMPONENT.is_file():
            raise FileError(f"{COMPONENT} isn't there: see README.md for how to make it")
        super().run()


setup(cmdclass={"build_py": WithComponent})
