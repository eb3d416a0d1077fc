"""Machines that are not there: network namespaces, each with a card, and a switch between them.

Whoever runs in a namespace sees one network card and nothing else; the switch (`switch.py`) gives
the network the delay and the rate that are asked for. It takes root and Linux's `ip`. What is made
is removed, also when something fails; what a process that was killed has left, the next removes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

TAP = 0x0002 | 0x1000  # IFF_TAP, IFF_NO_PI: whole frames, nothing before them
ATTACH = 0x400454CA  # TUNSETIFF
PACKET = 9000  # bytes at most: what is usual between machines that compute together
QUEUE = 10_000  # packets that a card holds before it loses one
CARD = "card"  # what each namespace calls its own

# How a namespace's TCP behaves: the oldest way, which does not measure the network by waiting.
TCP = {"tcp_congestion_control": "reno", "tcp_slow_start_after_idle": "0"}

# MPICH takes ranks of one kernel for neighbours with shared memory, unless it is told otherwise.
# Large messages go as small ones do, without asking before.
OVER_THE_CARD = {
    "MPIR_CVAR_NOLOCAL": "1",
    "MPIR_CVAR_CH4_NETMOD": "ucx",
    "UCX_TLS": "tcp,self",
    "UCX_NET_DEVICES": CARD,
    "UCX_RNDV_THRESH": "inf",
}


class Machines:
    """Namespaces with a network between them.

    Attributes:
        names: of the namespaces.
    """

    def __init__(self, names: list[str], switch: subprocess.Popen[str]) -> None:
        self.names = names
        self._switch = switch

    def set(self, delay: float = 0.0, rate: float = float("inf")) -> None:
        """Give the network a delay and a rate.

        Args:
            delay: seconds that each frame takes beside its time on the wire, one way.
            rate: bytes a second that each card can send, and as many that it can receive.
        """
        assert self._switch.stdin is not None
        assert self._switch.stdout is not None
        self._switch.stdin.write(f"{delay!r} {rate!r}\n")
        self._switch.stdin.flush()
        if self._switch.stdout.readline() != "set\n":
            raise RuntimeError("The switch between the namespaces has ended.")

    def launch(self, program: list[str], ranks: int) -> list[str]:
        """Return the command that starts a program once in each of the first namespaces."""
        command = [mpiexec()]
        for name in self.names[:ranks]:
            command += ["-n", "1", "ip", "netns", "exec", name, *program, ":"]
        return command[:-1]


def mpiexec() -> str:
    """The launcher: the one beside this Python, or the first on the path."""
    beside = Path(sys.executable).with_name("mpiexec")
    return str(beside) if beside.exists() else shutil.which("mpiexec") or "mpiexec"


def why_not() -> str | None:
    """Return why no namespaces can be made here, as a clause; `None` where they can."""
    if not sys.platform.startswith("linux"):
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "network namespaces are made by root alone"
    if shutil.which("ip") is None:
        return "there is no `ip` (of iproute2) on the path"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "there is no /dev/net/tun to make network cards of"
    try:
        with machines(1):
            return None
    except (OSError, RuntimeError) as error:
        return f"the system refuses: {error}"


@contextlib.contextmanager
def machines(count: int) -> Iterator[Machines]:
    """Let there be so many namespaces, with addresses 10.77.0.1 and up, inside the block."""
    _swept()
    names = [f"chainrule-{os.getpid()}-{k}" for k in range(count)]
    with contextlib.ExitStack() as undo:
        cards = [_machine(name, k, undo) for k, name in enumerate(names)]
        line = [sys.executable, str(Path(__file__).with_name("switch.py")), *map(str, cards)]
        switch = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=cards
        )
        undo.callback(_ended, switch)
        made = Machines(names, switch)
        made.set()
        yield made


def _machine(name: str, number: int, undo: contextlib.ExitStack) -> int:
    """One namespace with a card that is up; the file descriptor at the other end of its wire."""
    _ip("netns", "add", name)
    undo.callback(_ip, "netns", "del", name)
    card = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    undo.callback(os.close, card)
    outside = f"cr{os.getpid() % 10**7}n{number}"
    fcntl.ioctl(card, ATTACH, struct.pack("16sH22x", outside.encode(), TAP))
    _ip("link", "set", outside, "netns", name, "name", CARD)
    inside = ("-n", name, "link", "set")
    _ip(*inside, CARD, "address", f"02:00:00:00:00:{number:02x}", "mtu", str(PACKET))
    _ip(*inside, CARD, "txqueuelen", str(QUEUE))
    _ip("-n", name, "address", "add", f"10.77.0.{number + 1}/24", "dev", CARD)
    _ip(*inside, CARD, "up")
    _ip(*inside, "lo", "up")
    for setting, value in TCP.items():
        file = f"/proc/sys/net/ipv4/{setting}"
        _ip("netns", "exec", name, "sh", "-c", f"echo {value} > {file}")
    return card


def _swept() -> None:
    """Remove the namespaces of processes that are no more."""
    for name, process in re.findall(r"(chainrule-(\d+)-\d+)", _ip("netns", "list")):
        if not Path("/proc", process).exists():
            with contextlib.suppress(RuntimeError):  # somebody else was quicker
                _ip("netns", "del", name)


def _ip(*words: str) -> str:
    made = subprocess.run(["ip", *words], check=False, capture_output=True, text=True)
    if made.returncode:
        raise RuntimeError(f"`ip {' '.join(words)}` failed: {made.stderr.strip()}")
    return made.stdout


def _ended(switch: subprocess.Popen[str]) -> None:
    """Let the switch end, by its own will or not."""
    assert switch.stdin is not None
    assert switch.stdout is not None
    switch.stdin.close()
    try:
        switch.wait(5)
    except subprocess.TimeoutExpired:
        switch.kill()
        switch.wait()
    switch.stdout.close()
