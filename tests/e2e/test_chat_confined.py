# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody could do who has got control of a chat or of a pipe: little. The program itself tries it."""

import ctypes
import errno
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from chatlib import chat  # noqa: F401
from inside import Inside
from service import until

NOBODY = 65534
LANDLOCK_VERSION = 444, None, 0, 1  # landlock_create_ruleset(2), which has this number on every machine


@pytest.fixture
def inside():
    """Where an ordinary user gets to, too."""
    folder = Path(tempfile.mkdtemp(prefix="yodel-inside-"))
    folder.chmod(0o755)
    made = Inside(folder)
    made.folder = folder
    yield made
    made.close()
    shutil.rmtree(folder)


class Confined:
    """A chat, or a pipe, that waits for a caller, with a home of its own in which are files."""

    def __init__(self, chat, inside, mode, on, user, options=()):
        self.home, self.elsewhere = inside.folder / "home", inside.folder / "elsewhere"
        self.here = inside.folder / "here"
        for folder in (self.home, self.elsewhere, self.here):
            folder.mkdir()
            (folder / "file").write_text("text\n", encoding="ascii")
        (self.home / "link").symlink_to(self.elsewhere / "file")
        (self.home / "program").write_text("#!/bin/sh\n", encoding="ascii")
        (self.home / "program").chmod(0o755)
        wrap = ()
        if user:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", self.home, self.here, self.elsewhere], check=True)
            wrap = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
        env = {**inside.env, "HOME": str(self.home)}
        self.program = chat("listen", *options, plain=mode == "plain", on=on, env=env, wrap=wrap, cwd=str(self.here))
        self.try_ = inside.ask
        self.inside = inside
        self.try_("dumpable")  # it is known now who it is
        until(lambda: self.try_("read", "/usr/bin/env"), what="confined")


@pytest.fixture(params=["root", "nobody"])
def confined(request, chat, inside):
    """confined(mode, on, *options)"""
    if ctypes.CDLL(None).syscall(*LANDLOCK_VERSION) <= 0:
        pytest.skip("no Landlock in this kernel")
    if os.getuid() != 0 and request.param == "nobody":
        pytest.skip("only root can become another user")

    def begin(mode="private", on="terminal", *options):
        return Confined(chat, inside, mode, on, request.param == "nobody", options)

    return begin


MODES = [(mode, on) for mode in ("private", "plain") for on in ("terminal", "pipes")]


@pytest.mark.parametrize("mode, on", MODES)
def test_nothing_of_the_system_can_be_touched(confined, mode, on):
    one = confined(mode, on)
    for path in ("/etc/shadow", "/proc/1/environ", f"/proc/{os.getpid()}/maps", "/root", "/", "/usr/bin/env", "/home",
                 one.home / "link", one.home / "../elsewhere/file"):
        assert one.try_("read", path) in (errno.EACCES, errno.ENOENT), path
    for path in ("/etc/hosts", "/dev/mem", "/dev/ptmx", one.elsewhere / "file", one.home / "file", one.home / "program"):
        assert one.try_("write", path) in (errno.EACCES, errno.ENOENT), path
    for path in ("/tmp/yodel-new", "/dev/shm/yodel-new", "/etc/yodel-new", "/run/yodel-new", one.home / "new", one.here / "new",
                 one.home / ".config/yodel/new", one.home / ".bashrc", one.home / ".inputrc"):
        assert one.try_("make", path) in (errno.EACCES, errno.ENOENT), path
        assert not Path(path).exists()
    assert one.try_("remove", one.home / "file") == errno.EACCES
    for path in ("/bin/true", "/usr/bin/env", one.home / "program"):
        assert one.try_("execute", path) == errno.EACCES, path


@pytest.mark.parametrize("mode, on", MODES)
def test_what_it_needs_is_there(confined, mode, on):
    one = confined(mode, on)
    for path in ("/etc/hosts", "/etc/nsswitch.conf", "/etc/passwd", "/dev/null", "/dev/urandom", "/usr/share/zoneinfo"):
        assert one.try_("read", path) in (0, errno.ENOENT), path
    assert one.try_("write", "/dev/null") == 0
    if on == "terminal":
        assert one.try_("write", "/dev/tty") == 0
    may_read = 0 if on == "terminal" else errno.EACCES  # a pipe sends what its standard input is
    for path in (one.home / "file", one.here / "file", one.home):
        assert one.try_("read", path) == may_read, path


@pytest.mark.parametrize("on", ["terminal", "pipes"])
def test_contacts_can_be_written(confined, on):
    one = confined("private", on)
    store = one.home / ".local/share/yodel"
    assert (store / "yodel.db").exists()
    assert one.try_("write", store / "yodel.db") == 0
    assert one.try_("make", store / "new") == 0 and one.try_("remove", store / "new") == 0
    assert one.try_("write", one.home / ".config/yodel/identity.pem") == errno.EACCES


def test_what_a_chat_may_send_can_be_narrowed(confined):
    one = confined("private", "terminal", "--send-from", "none")
    for path in (one.home / "file", one.here / "file", one.home, one.home / ".config/yodel/identity.pem"):
        assert one.try_("read", path) == errno.EACCES, path


def test_a_chat_may_send_from_one_folder(confined, inside):
    one = confined("private", "terminal", "--send-from", str(inside.folder / "elsewhere"))
    assert one.try_("read", one.elsewhere / "file") == 0
    assert one.try_("read", one.here / "file") == one.try_("read", one.home / "file") == errno.EACCES


@pytest.mark.parametrize("mode, on", MODES)
def test_no_other_process_can_be_touched(confined, mode, on):
    one = confined(mode, on)
    assert one.try_("trace", os.getpid()) in (errno.EPERM, errno.EACCES)
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind("")  # an abstract name that is free
        bus.listen()
        assert one.try_("abstract", bus.getsockname()[1:].decode()) == errno.EPERM
    assert int(one.inside.status("CapEff"), 16) & ~0b110 == 0  # but for those that override permissions of files
    assert one.inside.status("NoNewPrivs") == "1" and one.inside.status("Seccomp") == "2"


@pytest.mark.parametrize("on", ["terminal", "pipes"])
def test_secrets_stay_in_memory(confined, on):
    one = confined("private", on)
    assert one.try_("dumpable") == 0 and one.try_("core") == 0
    limits = Path(f"/proc/{one.inside.pid}/limits").read_text(encoding="ascii")
    assert limits.partition("Max core file size")[2].split()[:2] == ["0", "0"]
    if one.inside.uid != 0:  # not even its own user reads its memory
        assert Path(f"/proc/{one.inside.pid}/maps").stat().st_uid == 0
