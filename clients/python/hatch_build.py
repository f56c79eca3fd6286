# SPDX-License-Identifier: MIT OR Apache-2.0
"""What hatchling puts into a wheel beside the module: the program, its pages and its completions.

``STOPCTL_PROGRAM`` names a program that was built and tested before; then the wheel is for the
machine of that program. Without it the wheel is the module alone, for every other machine.
"""

import os
import struct
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# elf(5): what e_machine says, and what a tag calls it.
MACHINES = {62: "x86_64", 183: "aarch64"}
PT_INTERP = 3

# From the repository to where man and the shells look, below the prefix of an environment.
SHARED = {
    "man/*.1": "share/man/man1/{name}",
    "man/*.7": "share/man/man7/{name}",
    "completions/stopctl.bash": "share/bash-completion/completions/stopctl",
    "completions/_stopctl": "share/zsh/site-functions/_stopctl",
    "completions/stopctl.fish": "share/fish/vendor_completions.d/stopctl.fish",
    # The program alone has other people's work in it.
    "packaging/copyright": "share/doc/stopctl/copyright",
}


class CustomBuildHook(BuildHookInterface):
    def initialize(self, version, build_data):
        program = os.environ.get("STOPCTL_PROGRAM")
        if not program:
            return
        # It needs no library, so neither that of glibc nor that of musl has to have a version.
        machine = machine_of(Path(program).read_bytes())
        tags = ("manylinux_2_17", "manylinux2014", "musllinux_1_1")
        build_data["tag"] = "py3-none-" + ".".join(f"{tag}_{machine}" for tag in tags)
        build_data["pure_python"] = False
        # As it is, and no entry point: a Python that starts first would cost more than the run.
        build_data["shared_scripts"] = {program: "stopctl"}
        build_data["shared_data"] = dict(shared(Path(self.root).parents[1]))


def machine_of(program):
    """The machine that a program is for. Of a program that needs libraries the tags would lie."""
    if program[:6] != b"\x7fELF\x02\x01":
        raise ValueError("STOPCTL_PROGRAM is no 64-bit little-endian program for Linux")
    (machine,) = struct.unpack_from("<H", program, 18)
    (headers,) = struct.unpack_from("<Q", program, 32)
    size, count = struct.unpack_from("<HH", program, 54)
    kinds = [struct.unpack_from("<L", program, headers + size * n)[0] for n in range(count)]
    if PT_INTERP in kinds:
        raise ValueError("STOPCTL_PROGRAM is not linked statically")
    if machine not in MACHINES:
        raise ValueError(f"STOPCTL_PROGRAM is for a machine without a tag: e_machine is {machine}")
    return MACHINES[machine]


def shared(repository):
    for pattern, target in SHARED.items():
        files = sorted(repository.glob(pattern))
        if not files:
            raise FileNotFoundError(f"{repository / pattern}: the program is packed in its repository")
        for file in files:
            yield str(file), target.format(name=file.name)
