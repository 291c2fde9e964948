# SPDX-License-Identifier: GPL-3.0-or-later
"""A store that cannot be used as it should: each time one sentence says what is wrong and what to do, and nothing that was
there is lost."""

import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import time

import pytest

from service import PATIENCE, SANITIZED, YODEL
from storelib import ORDINARY, TOOL, anyones, home, ordinary

DAMAGED = "damaged, or no store of yodel's (nothing was changed; put a copy of it back, or move it away to begin with no contacts)"
BUSY = "in use by another process (nothing was changed; another yodel is at work on it; try again when it is done)"
WRITABLE = "yodel must be able to write this file and its folder"
ROOM = "nothing that was there is lost; make room and try again"


def says(home, sentence):
    return 1, "", f"yodel: peers: {home.db}: {sentence}\n"


def assert_refused(home, sentence):
    """Listing and changing say the same, and change no byte."""
    before = home.files()
    for words in ([], ["rename", "anna", "annie"], ["forget", "anna"]):
        assert home.peers(*words).all == says(home, sentence)
    assert home.files() == before


# --- what is in the file

DAMAGES = {
    "no database": lambda content: b"contacts:\n" + 600 * b"anna\n",
    "one byte": lambda content: b"x",
    "a page of zero bytes": lambda content: bytes(4096),
    "the end is missing": lambda content: content[:len(content) // 2],
    "the beginning is missing": lambda content: content[4096:],
    "the first page in pieces": lambda content: content[:100] + 1000 * b"\xa5" + content[1100:],
    "a text instead": lambda content: content.replace(b"SQLite format 3", b"SQLite format 9"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged(anyones, damage):
    anyones.add("anna", "berta")
    whole = anyones.db.read_bytes()
    anyones.db.write_bytes(DAMAGES[damage](whole))
    assert_refused(anyones, DAMAGED)
    # As the sentence says: put a copy back, or begin anew.
    shutil.move(anyones.db, anyones.root / "damaged")
    assert anyones.peers().status == 0
    assert anyones.tool("add", "clara", 9, 1).all == (0, "9 clara\n", "")
    anyones.db.write_bytes(whole)
    assert list(anyones.names()) == ["anna", "berta"]


def test_damaged_where_contacts_are(home):
    """The header is fine; what is damaged is met later."""
    home.add("anna", "berta")
    whole = home.db.read_bytes()
    home.db.write_bytes(whole[:4096] + (len(whole) - 4096) * b"\xa5")
    assert_refused(home, DAMAGED)
    home.db.write_bytes(whole)
    assert list(home.names()) == ["anna", "berta"]


def test_newer_version(anyones):
    anyones.add("anna")
    anyones.sql("PRAGMA user_version = 2")
    anyones.sql("CREATE TABLE future (x)")
    assert_refused(anyones, "made by a newer version of yodel: its version is 2, and this one knows 1 (nothing was "
                            "changed; use the newer one, also from now on)")


def test_somebody_elses_database(home):
    home.folder.mkdir(parents=True)
    home.sql("CREATE TABLE bookmark (address TEXT)")
    home.sql("INSERT INTO bookmark VALUES ('http://example.com/')")
    assert_refused(home, DAMAGED)
    assert home.sql("SELECT * FROM bookmark") == [("http://example.com/",)]


def test_folder_where_the_file_should_be(home):
    home.db.mkdir(parents=True)
    assert home.peers().all == says(home, "is a directory (move it away: a file is to stand there)")


# --- who may do what with it

def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_others_can_read_it_no_longer(anyones):
    anyones.add("anna")
    holder = anyones.start(TOOL, "hold", "anna", stdin=-1)
    try:
        assert holder.stdout.readline() == "held\n"
        files = sorted(path for path in anyones.folder.iterdir() if path.suffix != ".lock")
        assert [path.name for path in files] == ["yodel.db", "yodel.db-shm", "yodel.db-wal"]
        assert {mode(path) for path in [*files, anyones.folder / "yodel.lock"]} == {0o600}
        assert mode(anyones.folder) == 0o700
        for path in files:
            path.chmod(0o666)
        assert list(anyones.names()) == ["anna"]
        assert {mode(path) for path in files} == {0o600}
    finally:
        holder.communicate()


def test_what_is_made_is_for_its_user_only_whatever_the_umask(anyones):
    assert anyones.tool("add", "anna", 1, 1, preexec_fn=lambda: os.umask(0)).status == 0
    assert mode(anyones.db) == 0o600
    for folder in (".local", ".local/share", ".local/share/yodel"):
        assert mode(anyones.path / folder) == 0o700


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_of_another_user(home):
    """Root that has somebody's HOME, as sudo may leave it, neither uses nor spoils the store."""
    home.add("anna")
    os.chown(home.db, ORDINARY, ORDINARY)
    assert_refused(home, "belongs to another user (run yodel as that user, or set HOME to a folder of yours)")
    os.chown(home.db, 0, 0)
    os.chown(home.folder, ORDINARY, ORDINARY)
    done = home.tool("add", "berta", 2, 1)
    assert done.all == (1, "", f"yodel: {home.folder}: belongs to another user (run yodel as that user, or set HOME to "
                               "a folder of yours)\n")


def test_file_that_may_not_be_written(ordinary):
    ordinary.add("anna")
    ordinary.db.chmod(0o400)
    assert_refused(ordinary, f"permission denied ({WRITABLE})")
    ordinary.db.chmod(0o600)
    assert list(ordinary.names()) == ["anna"]


def test_folder_that_may_not_be_written(ordinary):
    ordinary.add("anna")
    ordinary.folder.chmod(0o500)
    assert_refused(ordinary, f"permission denied ({WRITABLE})")
    ordinary.folder.chmod(0o700)
    assert list(ordinary.names()) == ["anna"]


def test_folder_that_may_not_be_made(ordinary):
    ordinary.path.chmod(0o500)
    assert ordinary.peers().status == 0
    assert ordinary.tool("add", "anna", 1, 1).all == (
        1, "", f"yodel: {ordinary.folder}: permission denied ({WRITABLE})\n")
    ordinary.path.chmod(0o700)


# --- where it is

def test_home_that_is_missing(anyones):
    sentence = f"{anyones.path}/not/here: there is no such home (set HOME to the folder where yodel may keep its files)\n"
    env = {**anyones.env, "HOME": f"{anyones.path}/not/here"}
    for words in ([], ["verify", "anna"]):
        assert anyones.peers(*words, env=env).all == (1, "", f"yodel: peers: {sentence}")
    assert anyones.tool("add", "anna", 1, 1, env=env).all == (1, "", f"yodel: {sentence}")
    assert list(anyones.path.iterdir()) == []


@pytest.mark.parametrize("value", [None, "", "relative"])
def test_home_that_is_not_set(home, value):
    """The password file tells. Nothing is made there: it is the home of whoever runs the tests."""
    script = "import os, pwd, sys; sys.exit(not os.path.isdir(pwd.getpwuid(os.geteuid()).pw_dir))"
    if home.run("/usr/bin/python3", "-c", script).status:
        pytest.skip("this user has no home")
    env = {name: text for name, text in home.env.items() if name != "HOME"}
    if value is not None:
        env["HOME"] = value
    with_data = {**env, "XDG_DATA_HOME": str(home.path)}
    done = home.tool("add", "anna", 1, 1, env=with_data)
    assert done.all == (0, "1 anna\n", "") and (home.path / "yodel" / "yodel.db").exists()
    assert home.peers("show", "nobody-of-that-name", env=env).err.startswith("yodel: peers: nobody-of-that-name: ")


def test_data_home(home):
    elsewhere = home.root / "elsewhere" / "deep"
    env = {**home.env, "XDG_DATA_HOME": str(elsewhere), "HOME": "/not/here"}
    assert home.tool("add", "anna", 1, 1, env=env).status == 0
    assert mode(elsewhere / "yodel") == 0o700 and (elsewhere / "yodel" / "yodel.db").exists()
    assert home.peers("show", "anna", env=env).status == 0
    assert home.tool("add", "berta", 2, 1, env={**home.env, "XDG_DATA_HOME": "relative"}).status == 0
    assert list(home.names()) == ["berta"]


def test_file_where_a_folder_should_be(home):
    (home.path / ".local").write_text("in the way")
    assert home.tool("add", "anna", 1, 1).all == (1, "", f"yodel: {home.folder}: not a directory\n")
    assert home.peers().status == 0
    assert (home.path / ".local").read_text() == "in the way"


# --- locked

def test_locked_for_long(anyones):
    """A change gives up after five seconds, reading need not wait; then all is as before."""
    anyones.add("anna")
    connection = sqlite3.connect(anyones.db, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    assert anyones.peers("rename", "anna", "annie").all == says(anyones, BUSY)
    assert 4.9 < time.monotonic() - began < 5 + 5 * PATIENCE
    assert list(anyones.names()) == ["anna"]
    connection.execute("ROLLBACK")
    connection.close()
    assert anyones.peers("rename", "anna", "annie").status == 0


def test_locked_for_a_moment(home):
    home.add("anna")
    connection = sqlite3.connect(home.db, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE contact SET met = 5")
    process = home.start(YODEL, "peers", "rename", "anna", "annie")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.3)
    connection.execute("COMMIT")
    connection.close()
    out, err = process.communicate(timeout=10 * PATIENCE)
    assert (process.returncode, out, err) == (0, "anna is called annie now\n", "")
    assert home.sql("SELECT name, met FROM contact") == [("annie", 5)]


def test_locked_altogether(home):
    """By a program that lets nobody read either."""
    home.add("anna")
    connection = sqlite3.connect(home.db, isolation_level=None)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("UPDATE contact SET met = 5")
    assert home.peers().all == says(home, BUSY)
    connection.execute("ROLLBACK")
    connection.close()
    assert list(home.names()) == ["anna"]


# --- no room

def test_file_that_may_not_grow(anyones):
    """With every limit on the size of files (RLIMIT_FSIZE) the change is made or it is told why not; the process is not
    killed for it (SIGXFSZ)."""
    names = [f"{chr(97 + number)}nna-{number}-{'x' * 40}" for number in range(20)]
    anyones.add(*names)
    size = anyones.db.stat().st_size
    done = failed = 0
    now = names[0]
    for limit in [*range(0, size + 100_000, 4096), resource.RLIM_INFINITY]:
        new = f"renamed-{limit if limit > 0 else 'freely'}"
        result = anyones.peers("rename", now, new, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (
            limit, resource.RLIM_INFINITY)))
        if result.status == 0:
            assert (result.out, result.err) == (f"{now} is called {new} now\n", "")
            now, done = new, done + 1
        else:
            assert result.all == says(anyones, f"file too large ({ROOM})"), limit
            failed += 1
        anyones.check()
        assert sorted(anyones.names()) == sorted([now, *names[1:]])
    assert done > 1 and failed > 1


FULL = r"""
set -e
mkdir -p "$HOME/.local/share/yodel"
mount -t tmpfs -o size=400k none "$HOME/.local/share/yodel"
cd "$HOME/.local/share/yodel"
cp "$HOME/before.db" yodel.db
chown "$OWNER" . yodel.db
chmod 700 .
chmod 600 yodel.db
now=anna
for left in $(seq 0 4 200); do
    head -c 1M /dev/zero >filler 2>/dev/null || :
    truncate -s "-${left}K" filler
    if $AS yodel peers rename "$now" "name-$left" >out 2>&1; then now=name-$left; echo "done $left"; else
        echo "status $?: $($AS yodel peers rename "$now" "name-$left" 2>&1)"
    fi >>"$HOME/told"
    rm filler
    $AS yodel peers --json | sed 's/.*"name":"\([^"]*\)".*/\1/' >>"$HOME/names"
    grep -qx "$now" "$HOME/names"
    [ "$(wc -l <"$HOME/names")" = 21 ]
    rm "$HOME/names"
done
cp yodel.db "$HOME/after.db"
"""


@pytest.mark.skipif(SANITIZED, reason="the sanitizer's messages need room, too")
def test_full_disk(anyones):
    """On a file system of which less and less is free: done, or told; and nothing is lost."""
    names = ["anna", *(f"{chr(98 + number)}-{'x' * 50}" for number in range(20))]
    anyones.add(*names)
    shutil.copy(anyones.db, anyones.path / "before.db")
    shutil.rmtree(anyones.folder)
    (anyones.root / "bin").mkdir()
    (anyones.root / "bin" / "yodel").symlink_to(YODEL)
    root = [] if os.getuid() == 0 else ["-r"]
    able = subprocess.run(["unshare", "-m", *root, "true"], capture_output=True)
    if able.returncode:
        pytest.skip(f"no namespaces here: {able.stderr.decode().strip()}")
    env = {**anyones.env, "PATH": f"{anyones.root}/bin:{os.environ['PATH']}", "AS": " ".join(anyones.wrap),
           "OWNER": str(anyones.uid or 0)}
    done = subprocess.run(["unshare", "-m", *root, "sh", "-c", FULL], env=env, capture_output=True, text=True,
                          timeout=60 * PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
    told = (anyones.path / "told").read_text().splitlines()
    refused = [line for line in told if not line.startswith("done")]
    assert len(told) > 45 and 0 < len(refused) < len(told)
    assert set(refused) == {f"status 1: yodel: peers: {anyones.db}: no space left on device ({ROOM})"}
    after = sqlite3.connect(anyones.path / "after.db")
    assert after.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert after.execute("SELECT count(*), sum(name LIKE 'name-%') FROM contact").fetchone() == (21, 1)
    after.close()


READ_ONLY = r"""
set -e
mount --bind "$HOME" "$HOME"
mount -o remount,ro,bind "$HOME"
$AS yodel peers rename anna annie 2>&1 || echo "status $?"
$AS yodel peers 2>&1 || echo "status $?"
"""


def test_read_only_file_system(anyones):
    """Also for root, whom permissions do not bind."""
    anyones.add("anna")
    before = anyones.files()
    (anyones.root / "bin").mkdir()
    (anyones.root / "bin" / "yodel").symlink_to(YODEL)
    root = [] if os.getuid() == 0 else ["-r"]
    env = {**anyones.env, "PATH": f"{anyones.root}/bin:{os.environ['PATH']}", "AS": " ".join(anyones.wrap)}
    done = subprocess.run(["unshare", "-m", *root, "sh", "-c", READ_ONLY], env=env, capture_output=True, text=True,
                          timeout=30 * PATIENCE)
    if done.returncode:
        pytest.skip(f"no namespaces here: {done.stderr.strip()}")
    line = f"yodel: peers: {anyones.db}: read-only file system ({WRITABLE})\nstatus 1\n"
    assert (done.stdout, done.stderr) == (2 * line, "")
    assert anyones.files() == before
    assert list(anyones.names()) == ["anna"]
