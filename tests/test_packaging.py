"""The two documented ways to install, and what the package promises of itself, agree with each other."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
README = (ROOT / "README.md").read_text()
ENVIRONMENT = (ROOT / "environment.yml").read_text()


def test_conda_and_pip_ask_for_the_same_python():
    (conda,) = re.findall(r"^\s+- python(>=[\d.]+)$", ENVIRONMENT, re.M)
    assert conda == PROJECT["requires-python"]


def test_conda_installs_everything_through_the_package_itself():
    (line,) = re.findall(r"^\s+- -e \.\[(.*)\]$", ENVIRONMENT, re.M)
    assert set(line.split(",")) == set(PROJECT["optional-dependencies"])
    listed = re.findall(r"^ {2}- ([\w.-]+)", ENVIRONMENT, re.M)
    assert set(listed) == {"conda-forge", "python", "pip"}, (
        "a second list of packages would drift from pyproject"
    )


def test_torch_and_torchvision_come_from_one_resolver_run():
    names = [re.split(r"[^\w-]", d)[0] for d in PROJECT["dependencies"]]
    assert {"torch", "torchvision"} <= set(names)
    extras = [re.split(r"[^\w-]", d)[0] for extra in PROJECT["optional-dependencies"].values() for d in extra]
    assert not {"torch", "torchvision"} & set(extras)


@pytest.mark.parametrize("target", ["make lab", "make test", "conda env create -f environment.yml"])
def test_the_readme_shows_the_commands_that_exist(target):
    assert target in README


def test_the_command_on_a_file_of_your_own_works_as_printed_after_make_lab():
    (command,) = re.findall(r"^    (\S+ -m mvlib encode .*)$", README, re.M)
    python, *arguments = command.split()
    assert python == ".venv/bin/python", "no environment is active after `make lab`"
    subprocess.run([sys.executable, *arguments, "--print_config"], capture_output=True, check=True)


def test_the_version_is_stated_once():
    assert PROJECT["dynamic"] == ["version"] and "version" not in PROJECT
    import mvlib

    assert f"coding_for_machines-{mvlib.__version__}-" in README
    assert f"## [{mvlib.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_the_package_is_light():
    loaded = run("import sys, mvlib; print({'torch', 'av', 'matplotlib', 'timm'} & set(sys.modules))")
    assert loaded.strip() == "set()"


def test_every_public_name_loads_and_an_unknown_one_says_what_there_is():
    import mvlib

    for name in mvlib.__all__:
        assert getattr(mvlib, name) is not None
    with pytest.raises(AttributeError, match="RealCodec"):
        mvlib.RealCodek  # noqa: B018


# What a package is imported by, where that isn't its name; IPython comes with ipywidgets.
IMPORTED_AS = {"pytorch-msssim": "pytorch_msssim", "pillow": "PIL", "pyyaml": "yaml", "ipywidgets": "IPython"}


def imports_of(text: str) -> set[str]:
    """Modules that a source imports by their full name, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_what_is_imported_is_declared():
    """Of the extras only by widgets, which are the notebooks', or after ``need`` has asked for it."""

    def names(requirements):
        found = {re.split(r"[^\w-]", r)[0] for r in requirements}
        return found | {IMPORTED_AS[name] for name in found & set(IMPORTED_AS)}

    always, extras = names(PROJECT["dependencies"]), PROJECT["optional-dependencies"]
    for file in (ROOT / "mvlib").rglob("*.py"):
        text = file.read_text()
        allowed = always | (names(extras["notebooks"]) if file.parent.name == "widgets" else set())
        allowed |= set(re.findall(r'^ +need\("(\w+)", "dev"', text, re.M)) & names(extras["dev"])
        imported = {name.partition(".")[0] for name in imports_of(text)}
        wrong = imported - allowed - set(sys.stdlib_module_names) - {"mvlib"}
        assert not wrong, f"{file.relative_to(ROOT)} imports {wrong}"


def test_the_names_of_this_project_are_its_own():
    """No absolute path of somebody's machine stands in what is shipped."""
    files = [*ROOT.glob("*.md"), *ROOT.glob("mvlib/**/*.py"), *ROOT.glob("tests/**/*.py")]
    for file in files:
        assert not re.search(r"['\"(\s]/(home|root|work)/", file.read_text()), file


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not there")
def test_the_makefiles_test_goes_on_behind_what_fails_and_says_so(tmp_path):
    """With an environment whose programs fail: lint, unit tests and notebooks are all run, and the status tells."""
    (tmp_path / "bin").mkdir()
    for name in ("python", "ruff"):
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/ran\nexit 1\n')
        program.chmod(0o755)
    (tmp_path / ".dev").touch()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    made = subprocess.run(
        ["make", "test", f"VENV={tmp_path}"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    ran = (tmp_path / "ran").read_text()
    assert made.returncode != 0
    assert "ruff check" in ran and "pytest tests" in ran and "notebooks" in ran, ran
