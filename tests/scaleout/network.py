"""Machines of one small network, each in a network namespace of its own, whose cables can be pulled."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

_OWN = os.getpid() % 10_000
_NET = f"10.211.{_OWN % 250}"
GATE = f"{_NET}.1"
"""The address of whoever runs the proof."""


@dataclass(frozen=True)
class Machine:
    """One machine: its namespace, its address, and the end of its cable at the switch."""

    name: str
    place: int

    @property
    def space(self) -> str:
        return f"b12-{_OWN}-{self.name}"

    @property
    def cable(self) -> str:
        return f"b12{_OWN}{self.name}"

    @property
    def address(self) -> str:
        return f"{_NET}.{self.place}"

    def inside(self, *command: str) -> list[str]:
        """A command as it is run on this machine."""
        return ["ip", "netns", "exec", self.space, *command]

    def cut(self) -> None:
        """Pull the cable."""
        _ip("link", "set", self.cable, "down")

    def join(self) -> None:
        """Put the cable back."""
        _ip("link", "set", self.cable, "up")


@contextmanager
def network(names: Sequence[str]) -> Iterator[dict[str, Machine]]:
    """Give machines that reach each other and us; at the end none is left."""
    switch = f"b12sw{_OWN}"
    machines = {name: Machine(name, 10 + number) for number, name in enumerate(names)}
    try:
        _ip("link", "add", switch, "type", "bridge")
        _ip("addr", "add", f"{GATE}/24", "dev", switch)
        _ip("link", "set", switch, "up")
        for machine in machines.values():
            _ip("netns", "add", machine.space)
            _ip("link", "add", machine.cable, "type", "veth", "peer", "name", "eth0", "netns", machine.space)
            _ip("link", "set", machine.cable, "master", switch)
            _ip("-n", machine.space, "addr", "add", f"{machine.address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                _ip("-n", machine.space, "link", "set", device, "up")
            machine.join()
        yield machines
    finally:
        for machine in machines.values():
            subprocess.run(["ip", "link", "del", machine.cable], check=False, capture_output=True)
            subprocess.run(["ip", "netns", "del", machine.space], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", switch], check=False, capture_output=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
