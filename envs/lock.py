"""Write the lock files beside this script: versions and hashes, and nothing about any machine.

usage: make lock        (needs Python >= 3.11, pip, a package index; nothing of Coldstart itself)

Everything is resolved anew from pyproject.toml, once for Python 3.11 to 3.14 on Linux and macOS.

requirements-build.lock  pip, and setuptools to build what comes as source only
requirements.lock        what runs need, but torch and what only torch's CUDA build needs
requirements-test.lock   what only the tests and the linters need
requirements-cpu.lock    torch as a CPU build, where pip is configured to find one
requirements-cuda.lock   torch as the registry has it: on Linux with CUDA, on macOS without
coldstart.yaml           the conda environment of the rules: the same versions, run-time only;
                         to keep it plain, for Python 3.11 alone

Torch has two files because pip in hash mode does not choose as it does otherwise: a file whose
link states an allowed hash beats a newer version whose link states none. One entry with the
hashes of both builds would take the registry's CUDA build even where a CPU build lies at hand.
"""

import json
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
UV = "uv>=0.13,<0.14"
# The newest torch whose CPU build could be had, and so checked, where this lock was made;
# a torchvision fits exactly one torch.
PINS = {"torch": "2.13.0", "torchvision": "0.28.0"}
BUILD = {"pip", "setuptools"}
CUDA = re.compile(r"torch$|triton$|(cuda|nvidia)-")
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
HEADER = "# Written by `make lock` (envs/lock.py, which says what is in which file). Do not edit.\n"


def compile_lock(uv: Path, *arguments: str, requirements: list[str]) -> str:
    """Resolve pyproject.toml and `requirements`; returns the text of a requirements file."""
    command = [str(uv), "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    command += ["--python-version", PYTHONS[0], *arguments, "pyproject.toml", "-"]
    return subprocess.check_output(
        command, cwd=HERE.parent, input="\n".join(requirements), text=True
    )


def entries(lock: str) -> list[tuple[str, str]]:
    """(name, text) of each requirement; a name can have several, told apart by their markers."""
    return [(text.split("==")[0], text) for text in re.findall(r"^\w.*\n(?:[ ].*\n)*", lock, re.M)]


def cpu_build_hashes(python: Path, version: str) -> set[str]:
    """Hashes of the CPU builds of torch that pip, as configured here, finds for any Python."""
    hashes = set()
    for python_version in PYTHONS:
        # The local version is asked for by name: what does not exist then costs no download.
        arguments = "install -qq --dry-run --report - --no-deps --ignore-installed --target unused"
        arguments += f" --only-binary=:all: --python-version={python_version} torch=={version}+cpu"
        command = [str(python), "-m", "pip", *arguments.split()]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        found = json.loads(done.stdout)["install"] if done.returncode == 0 else []
        hashes |= {build["download_info"]["archive_info"]["hashes"]["sha256"] for build in found}
        print(f"torch {version}+cpu for Python {python_version}:", "yes" if found else "none")
    return hashes


def known_hashes(file: Path, requirement: str) -> set[str]:
    """Hashes that the present lock has for just this requirement (found on another machine)."""
    text = file.read_text() if file.exists() else ""
    return set(re.findall(r"sha256:(\w+)", text)) if f"\n{requirement} " in text else set()


def conda_environment(requirements: list[str], pip: str) -> str:
    """An environment file; versions only, for Snakemake copies it away from the lock files."""
    pins = "".join(f'      - "{requirement}"\n' for requirement in requirements)
    return (
        f"{HEADER}name: coldstart\nchannels:\n  - conda-forge\ndependencies:\n"
        f"  - python={PYTHONS[0]}\n  - {pip.replace('==', '=')}\n  - pip:\n{pins}"
    )


def main() -> None:
    """Resolve, and write the six files."""
    pins = [f"{name}=={version}" for name, version in PINS.items()]
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "bin", "python")
        subprocess.run([python, "-m", "pip", "install", "-qq", UV], check=True)
        uv = Path(folder, "bin", "uv")

        extras = ["--extra=slurm", "--extra=test"]
        whole = ["--universal", "--generate-hashes"]
        lock = compile_lock(uv, *whole, *extras, requirements=[*pins, *sorted(BUILD)])
        locked = [re.split(r" *\\\n", text)[0] for _, text in entries(lock)]
        constraints = Path(folder, "constraints.txt")
        constraints.write_text("\n".join(locked))
        constrained = ["--universal", f"--constraint={constraints}", "--extra=slurm"]
        running = {name for name, _ in entries(compile_lock(uv, *constrained, requirements=pins))}
        narrow = [f"--constraint={constraints}", "--python-platform=x86_64-manylinux_2_28"]
        run_time = compile_lock(uv, *narrow, requirements=pins)

        cpu_file, cpu_torch = HERE / "requirements-cpu.lock", f"torch=={PINS['torch']}+cpu"
        cpu_hashes = cpu_build_hashes(python, PINS["torch"]) | known_hashes(cpu_file, cpu_torch)
    if not cpu_hashes:
        sys.exit("lock.py: pip finds no CPU build of torch, and the lock knows none; nothing done")

    parts = dict.fromkeys(("-build", "", "-test", "-cuda"), "")
    for name, text in entries(lock):
        suffix = "" if name in running else "-test"
        parts["-build" if name in BUILD else "-cuda" if CUDA.match(name) else suffix] += text
    for suffix, text in parts.items():
        (HERE / f"requirements{suffix}.lock").write_text(HEADER + text)
    hashes = " \\\n".join(f"    --hash=sha256:{digest}" for digest in sorted(cpu_hashes))
    cpu_file.write_text(f"{HEADER}{cpu_torch} \\\n{hashes}\n")

    pip = next(line for line in locked if line.startswith("pip=="))
    # Torch pins the packages of its CUDA build itself; a CPU build must not name them.
    wanted = [
        text.strip() for name, text in entries(run_time) if name == "torch" or not CUDA.match(name)
    ]
    (HERE / "coldstart.yaml").write_text(conda_environment(wanted, pip))


if __name__ == "__main__":
    main()
