"""Names of ARM cores, which kernels give as numbers alone.

Source: arch/arm64/include/asm/cputype.h of the Linux kernel, and ARM's product pages for the names.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from agent.device.files import text_of

ARM, NVIDIA, QUALCOMM = "0x41", "0x4e", "0x51"

CORES = {
    (ARM, "0xd03"): "Cortex-A53",
    (ARM, "0xd04"): "Cortex-A35",
    (ARM, "0xd05"): "Cortex-A55",
    (ARM, "0xd07"): "Cortex-A57",
    (ARM, "0xd08"): "Cortex-A72",
    (ARM, "0xd09"): "Cortex-A73",
    (ARM, "0xd0a"): "Cortex-A75",
    (ARM, "0xd0b"): "Cortex-A76",
    (ARM, "0xd0c"): "Neoverse-N1",
    (ARM, "0xd0d"): "Cortex-A77",
    (ARM, "0xd40"): "Neoverse-V1",
    (ARM, "0xd41"): "Cortex-A78",
    (ARM, "0xd42"): "Cortex-A78AE",
    (ARM, "0xd44"): "Cortex-X1",
    (ARM, "0xd46"): "Cortex-A510",
    (ARM, "0xd47"): "Cortex-A710",
    (ARM, "0xd48"): "Cortex-X2",
    (ARM, "0xd49"): "Neoverse-N2",
    (ARM, "0xd4b"): "Cortex-A78C",
    (ARM, "0xd4d"): "Cortex-A715",
    (ARM, "0xd4e"): "Cortex-X3",
    (ARM, "0xd4f"): "Neoverse-V2",
    (ARM, "0xd80"): "Cortex-A520",
    (ARM, "0xd81"): "Cortex-A720",
    (ARM, "0xd82"): "Cortex-X4",
    (ARM, "0xd83"): "Neoverse-V3AE",
    (ARM, "0xd84"): "Neoverse-V3",
    (ARM, "0xd85"): "Cortex-X925",
    (ARM, "0xd87"): "Cortex-A725",
    (NVIDIA, "0x003"): "NVIDIA Denver 2",
    (NVIDIA, "0x004"): "NVIDIA Carmel",
    (QUALCOMM, "0x001"): "Qualcomm Oryon",
    (QUALCOMM, "0x802"): "Kryo 385 Gold",
    (QUALCOMM, "0x803"): "Kryo 385 Silver",
    (QUALCOMM, "0x804"): "Kryo 485 Gold",
    (QUALCOMM, "0x805"): "Kryo 485 Silver",
}
"""By the numbers of the implementer and of the part, as /proc/cpuinfo writes them."""


def processor_name(root: Path) -> str | None:
    """The processor's name; on ARM the kinds of its cores with their number, "Cortex-A55 x 4, Cortex-A76 x 4"."""
    cores = cpuinfo(root)
    if not cores:
        return None
    first = cores[0]
    if first.get("model name"):
        return first["model name"]
    kinds = Counter(_core_name(core) for core in cores if "cpu part" in core)
    if kinds:
        return ", ".join(f"{name} x {number}" for name, number in kinds.items())
    return next((core["hardware"] for core in cores if core.get("hardware")), None)


def cpuinfo(root: Path) -> tuple[dict[str, str], ...]:
    """The blocks of /proc/cpuinfo, one a core and on ARM one of the board, with names of fields in small letters."""
    blocks = []
    for block in (text_of(root / "proc/cpuinfo") or "").split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines() if ":" in line)
        fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if fields:
            blocks.append(fields)
    return tuple(blocks)


def _core_name(core: dict[str, str]) -> str:
    implementer, part = core.get("cpu implementer", "unknown"), core["cpu part"]
    return CORES.get((implementer, part)) or f"ARM implementer {implementer} part {part}"
