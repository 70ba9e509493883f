"""Whose socket a port is: by Linux's own tables, with processes of ours and strangers."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from splitplot.calls.engines import listening
from splitplot.calls.engines.listening import is_ours

pytestmark = pytest.mark.skipif(
    not Path("/proc/net/tcp").exists(), reason="tells who listens by Linux's /proc"
)
SERVE = (
    "import socket, time\ns = socket.socket()\ns.bind(('{address}', 0))\ns.listen()\n"
    "print(s.getsockname()[1], flush=True)\ntime.sleep(600)"
)


def listener(address="127.0.0.1", through=()):
    """A process that listens, and its port."""
    code = SERVE.format(address=address)
    process = subprocess.Popen([*through, sys.executable, "-c", code], stdout=subprocess.PIPE)
    return process, int(process.stdout.readline())


def end(*processes):
    for process in processes:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def test_a_port_is_ours_where_a_descendant_listens_and_somebody_elses_otherwise():
    other = subprocess.Popen(["sleep", "600"])
    for address in ("127.0.0.1", "0.0.0.0"):
        process, port = listener(address)
        try:
            assert is_ours(port, process.pid) is True
            assert is_ours(port, os.getpid()) is True  # the process's parent
            assert is_ours(port, other.pid) is False
        finally:
            end(process)
        assert is_ours(port, os.getpid()) is None  # nobody is there
    end(other)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_a_socket_of_ipv6_that_takes_ipv4_too_is_seen():
    try:
        server = socket.create_server(
            ("::", 0), family=socket.AF_INET6, dualstack_ipv6=socket.has_dualstack_ipv6()
        )
    except OSError:
        pytest.skip("no IPv6 here")
    with server:
        port = server.getsockname()[1]
        assert is_ours(port, os.getpid()) is True
        assert is_ours(port, 2**22 + 7) is False  # a process that is not there


def test_the_socket_that_a_connection_reaches_decides(tmp_path):
    """Ours listens on all addresses, a stranger on 127.0.0.1 alone: he is the one who answers."""
    (tmp_path / "net").mkdir()
    row = " 0: {}:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 {} 0 {} 1\n"
    table = "head\n" + row.format("00000000", os.getuid(), 11)
    fd = tmp_path / "5" / "fd"
    fd.mkdir(parents=True)
    (tmp_path / "5" / "stat").write_text("5 (a) b) S 1 5 5 0")
    (fd / "3").symlink_to("socket:[11]")
    (tmp_path / "net" / "tcp").write_text(table)
    assert is_ours(8080, 5, tmp_path) is True
    (tmp_path / "net" / "tcp").write_text(table + row.format("0100007F", os.getuid(), 12))
    assert is_ours(8080, 5, tmp_path) is False
    (tmp_path / "net" / "tcp").write_text(table + row.format("0200007F", os.getuid(), 12))
    assert is_ours(8080, 5, tmp_path) is True  # 127.0.0.2 is another address
    assert is_ours(8081, 5, tmp_path) is None
    assert is_ours(8080, 5, tmp_path / "none") is None


def test_where_files_of_a_descendant_are_hidden_the_user_decides(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(listening, "_sockets", lambda *_: (set(), False))
        assert is_ours(port, os.getpid()) is True
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        assert is_ours(port, os.getpid()) is False
