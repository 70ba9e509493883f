"""A finished study, its archive, and archives that somebody has changed."""

import gzip
import hashlib
import io
import json
import os
import runpy
import shutil
import tarfile
from pathlib import Path

import pytest

from splitplot.archive import make_archive

Workspace = runpy.run_path(str(Path(__file__).with_name("finished.py")))["Workspace"]


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory):
    """(folder of a finished study, its plan); never change it."""
    folder, before = tmp_path_factory.mktemp("finished"), Path.cwd()
    os.chdir(folder)
    try:
        workspace = Workspace(folder)
        return workspace, workspace.finish()
    finally:
        os.chdir(before)


@pytest.fixture
def done(finished_once, tmp_path, monkeypatch):
    """(workspace, plan): a copy with its times, and the current folder."""
    once, plan = finished_once
    shutil.copytree(once.root, tmp_path / "w", dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path / "w")
    workspace = object.__new__(Workspace)
    workspace.root = tmp_path / "w"
    return workspace, plan


@pytest.fixture(scope="session")
def archived_once(finished_once, tmp_path_factory):
    once, plan = finished_once
    before = Path.cwd()
    os.chdir(once.root)
    try:
        output = tmp_path_factory.mktemp("archive") / "s.splitplot.tar.gz"
        make_archive(plan, Path(), output)
        return output
    finally:
        os.chdir(before)


@pytest.fixture
def archived(archived_once, tmp_path):
    """A copy of the archive of the finished study."""
    return Path(shutil.copyfile(archived_once, tmp_path / "s.splitplot.tar.gz"))


def _read_members(path):
    with tarfile.open(path) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar.getmembers()}


@pytest.fixture
def read_members():
    """read_members(path): name → bytes of a .tar.gz."""
    return _read_members


@pytest.fixture
def new_workspace(tmp_path, monkeypatch):
    """new_workspace(name, n_items=30): an empty workspace, in a folder that becomes the current one."""

    def make(name, n_items=30):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        return Workspace(tmp_path / name, n_items)

    return make


@pytest.fixture
def repack(tmp_path):
    """repack(members, extra=[TarInfo or (TarInfo, bytes)], seal=False): a .tar.gz of these members.

    seal: the manifest and the checksums say what the members now are, as a forger would have it."""

    def make(members, extra=(), seal=False):
        members = dict(members)
        if seal:
            manifest = json.loads(members["MANIFEST.json"])
            told = {
                name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
                for name, data in sorted(members.items())
                if name not in ("MANIFEST.json", "SHA256SUMS")
            }
            sums = "".join(f"{entry['sha256']}  {name}\n" for name, entry in told.items()).encode()
            members["SHA256SUMS"] = sums
            told["SHA256SUMS"] = {"sha256": hashlib.sha256(sums).hexdigest(), "size": len(sums)}
            members["MANIFEST.json"] = json.dumps(manifest | {"members": told}).encode()
        path = tmp_path / "changed.tar.gz"
        with (
            path.open("wb") as raw,
            gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as tar,
        ):
            for name in sorted(members, key=lambda name: (name != "MANIFEST.json", name)):
                info = tarfile.TarInfo(name)
                info.size = len(members[name])
                tar.addfile(info, io.BytesIO(members[name]))
            for info, data in extra:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return path

    return make


@pytest.fixture
def members(archived):
    """Name → bytes of the archive's members."""
    return _read_members(archived)
