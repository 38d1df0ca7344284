"""Require the component for building a package. The other settings are in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.errors import FileError

COMPONENT = Path(__file__).parent / "src/fastly_package/guarded.wasm"


class WithComponent(build_py):
    def run(self) -> None:
        # An editable install finds a component that is written later.
        if not self.editable_mode and not COMPONENT.is_file():
            raise FileError(f"{COMPONENT} is missing; see README.md")
        super().run()


setup(cmdclass={"build_py": WithComponent})
