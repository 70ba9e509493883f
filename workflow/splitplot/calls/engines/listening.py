"""Who listens on a port of 127.0.0.1: a process of ours, or somebody else's. Read from Linux's /proc."""

import os
from contextlib import suppress
from pathlib import Path

LISTEN = "0A"
_HERE = {
    "0100007F": 0,  # 127.0.0.1
    "0000000000000000FFFF00000100007F": 0,  # the same in an IPv6 socket
    "00000000": 1,  # all addresses
    "00000000000000000000000000000000": 2,  # all IPv6 addresses, and often those of IPv4
}
"""Addresses that a connection to 127.0.0.1 reaches, as /proc/net writes them; the lowest goes first."""


def is_ours(port: int, ancestor: int, proc: Path = Path("/proc")) -> bool | None:
    """Whether whoever listens on a port is a process or its descendant; None where nobody can tell.

    Where files of a descendant may not be read (a container's), the user who listens must be ours.
    """
    listeners = _listeners(port, proc)
    if not listeners:
        return None
    held, complete = _sockets(_family(ancestor, proc), proc)
    return all(inode in held or (not complete and user == os.getuid()) for inode, user in listeners)


def _listeners(port: int, proc: Path) -> list[tuple[str, int]]:
    """(inode, user) of each socket that a connection to 127.0.0.1 would reach."""
    found: dict[int, list[tuple[str, int]]] = {}
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for row in (proc / "net" / name).read_text(encoding="ascii").splitlines()[1:]:
                fields = row.split()
                if len(fields) < 10 or fields[3] != LISTEN:
                    continue
                address, _, its_port = fields[1].partition(":")
                if int(its_port, 16) == port and address in _HERE:
                    found.setdefault(_HERE[address], []).append((fields[9], int(fields[7])))
    return found[min(found)] if found else []


def _family(ancestor: int, proc: Path) -> list[int]:
    """A process and all of its descendants."""
    children: dict[int, list[int]] = {}
    for folder in proc.iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                # After the name, which may hold anything in its parentheses: state, parent, …
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(folder.name))
    family = [ancestor]
    for process in family:
        family += children.get(process, [])
    return family


def _sockets(processes: list[int], proc: Path) -> tuple[set[str], bool]:
    """Inodes of the sockets that these processes hold, and whether all of them could be looked into."""
    held: set[str] = set()
    complete = True
    for process in processes:
        try:
            files = list((proc / str(process) / "fd").iterdir())
        except PermissionError:
            complete = False
            continue
        except OSError:  # it has ended
            continue
        for file in files:
            with suppress(OSError):
                target = str(file.readlink())
                if target.startswith("socket:["):
                    held.add(target.removeprefix("socket:[").removesuffix("]"))
    return held, complete
