# SPDX-License-Identifier: GPL-3.0-or-later
"""A home with a store in it, and commands that use it; as this user, or for root also as an ordinary one."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import pytest

from service import PATIENCE, REPORTS, YODEL

TOOL = Path(YODEL).resolve().parent / "tests" / "e2e" / "store_tool"
ORDINARY = 65534

# What the environment of whoever runs the tests says of folders and languages is no business of theirs.
FOREIGN = ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "LC_ALL", "LC_CTYPE", "LANG", "TZ")


class Result:
    def __init__(self, done):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr
        assert not REPORTS.search(self.err), self.err

    def __repr__(self):
        return f"status {self.status}, out {self.out!r}, err {self.err!r}"

    @property
    def all(self):
        return self.status, self.out, self.err


class Home:
    """An empty home. With uid, it belongs to that user, and commands run as that user."""

    def __init__(self, uid=None):
        self.uid = uid
        self.root = Path(tempfile.mkdtemp(prefix="yodel-test-home-"))
        self.root.chmod(0o755)
        self.path = self.root / "home"
        self.path.mkdir(0o700)
        if uid is not None:
            os.chown(self.path, uid, uid)
        self.folder = self.path / ".local" / "share" / "yodel"
        self.db = self.folder / "yodel.db"
        kept = {key: value for key, value in os.environ.items() if key not in FOREIGN}
        self.env = {**kept, "HOME": str(self.path), "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def close(self):
        shutil.rmtree(self.root)

    @property
    def wrap(self):
        if self.uid is None:
            return []
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", "--inh-caps=-all"]

    def start(self, *command, **options):
        return subprocess.Popen([*self.wrap, *map(str, command)], **{
            "env": self.env, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
            "text": True, "cwd": "/", **options})

    def run(self, *command, **options):
        process = self.start(*command, **options)
        try:
            out, err = process.communicate(timeout=30 * PATIENCE)
        finally:
            process.kill()
            process.wait()
        return Result(subprocess.CompletedProcess(command, process.returncode, out, err))

    def peers(self, *words, **options):
        return self.run(YODEL, "peers", *words, **options)

    def tool(self, *words, **options):
        return self.run(TOOL, *words, **options)

    def add(self, *names):
        """Make contacts with these names, of the keys 1, 2, ..."""
        for number, name in enumerate(names, 1):
            done = self.tool("add", name, number, 1)
            assert done.all == (0, f"{number} {name}\n", ""), done

    def names(self):
        """What `yodel peers` tells of all contacts, by their names."""
        import json
        done = self.peers("--json")
        assert (done.status, done.err) == (0, ""), done
        return {contact["name"]: contact for contact in map(json.loads, done.out.splitlines())}

    def sql(self, statement, *values):
        """Change the store behind yodel's back. Returns the rows."""
        with sqlite3.connect(self.db, timeout=30) as connection:
            rows = connection.execute(statement, values).fetchall()
        connection.close()
        return rows

    def files(self):
        """Every file of the home, and its bytes."""
        return {path.relative_to(self.path): path.read_bytes() for path in self.path.rglob("*") if path.is_file()}

    def check(self):
        """The store is sound."""
        assert self.sql("PRAGMA integrity_check") == [("ok",)]
        assert self.sql("PRAGMA foreign_key_check") == []


def key(number):
    """The id of a key of the tool, as it is shown."""
    import base64
    text = base64.b32encode(number.to_bytes(4, "big") + bytes(28)).decode().lower().rstrip("=")
    return "-".join(text[at:at + 4] for at in range(0, len(text), 4))


def able(uid):
    """Why there can be no commands of that user, or ""."""
    if uid is None:
        return ""
    if os.getuid() != 0:
        return "only root can become another user"
    done = subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "test", "-x", YODEL],
                          capture_output=True)
    return "" if done.returncode == 0 else f"an ordinary user cannot run {YODEL}"


def needs_tool():
    if not TOOL.exists():
        pytest.skip(f"{TOOL} is not there: build with -Dtests=enabled")


@pytest.fixture
def home():
    needs_tool()
    home = Home()
    yield home
    home.close()


@pytest.fixture(params=[None, ORDINARY], ids=["self", "ordinary"])
def anyones(request):
    """The home of whoever runs the tests, then that of an ordinary user."""
    needs_tool()
    if why := able(request.param):
        pytest.skip(why)
    home = Home(request.param)
    yield home
    home.close()


@pytest.fixture
def ordinary():
    """The home of somebody whom permissions bind."""
    needs_tool()
    uid = ORDINARY if os.getuid() == 0 else None
    if why := able(uid):
        pytest.skip(why)
    home = Home(uid)
    yield home
    home.close()
