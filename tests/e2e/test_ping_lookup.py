# SPDX-License-Identifier: GPL-3.0-or-later
"""`yodel ping` looks a name up as long as its user has patience, whatever the resolver does."""

import os
import signal
import subprocess
import time

import pytest

from netns import Network
from pinglib import Ping, one_line, ping, timed
from service import PATIENCE, until

NAME = "box.example"


class Names:
    """A network with a name server at 127.0.0.53: nobody is there, and who asks hears of it unless it is mute()."""

    def __init__(self, folder):
        self.network = Network()
        self.wrap = list(self.network.wrap)
        files = {"resolv.conf": "nameserver 127.0.0.53\noptions timeout:30 attempts:1\n",
                 "nsswitch.conf": "hosts: files dns\n",
                 "hosts": "127.0.0.1 here\n"}
        mounts = ""
        for name, text in files.items():
            (folder / name).write_text(text)
            mounts += f"mount --bind {folder / name} /etc/{name} && "
        self.wrap += ["unshare", "-m", "sh", "-c", mounts + 'exec "$@"', "sh"]
        self.usable = self.network.usable and subprocess.run(
            [*self.wrap, "getent", "hosts", "here"], capture_output=True, check=False).returncode == 0

    def mute(self):
        self.network.nft("add rule inet test in udp dport 53 drop")


@pytest.fixture
def names(tmp_path):
    made = Names(tmp_path)
    if not made.usable:
        made.network.close()
        pytest.skip("no network or mount namespaces here")
    yield made
    made.network.close()


@pytest.fixture
def no_answer(names):
    names.mute()
    return names


@pytest.mark.parametrize("options", [["-W", 0.3], ["-w", 0.3], ["-W", 0.3, "-w", 20], ["-W", 20, "-w", 0.3]])
def test_a_lookup_takes_no_longer_than_the_options_say(no_answer, options):
    result, seconds = timed(*options, NAME, wrap=no_answer.wrap)
    assert one_line(result.err) == f"look up {NAME}: timed out (-W and -w say how long to wait)"
    assert (result.status, result.out) == (3, "")
    assert 0.3 <= seconds < 0.3 + PATIENCE


def looks_up(pid):
    """Whether it has its second thread, which is there for nothing else."""
    return len(os.listdir(f"/proc/{pid}/task")) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_lookup_at_once(no_answer, number):
    with Ping("-v", NAME, wrap=no_answer.wrap) as running:
        until(lambda: looks_up(running.process.pid), what="the name is looked up")
        begin = time.monotonic()
        running.signal(number)
        result = running.finish()
    assert time.monotonic() - begin < 0.5 * PATIENCE
    assert one_line(result.err) == f"look up {NAME}: interrupted"
    assert (result.status, result.out) == (3, "")


def test_a_resolver_that_cannot_be_asked_is_told_apart(names):
    result = ping(NAME, wrap=names.wrap)
    assert one_line(result.err) == f"{NAME}: the name could not be looked up"
    assert result.status == 3


def test_what_stands_in_a_file_needs_no_answer(no_answer):
    result, seconds = timed("here:9", wrap=no_answer.wrap)
    assert one_line(result.err) == "connect here:9: connection refused (nothing listens there)"
    assert seconds < PATIENCE


def test_numbers_need_no_files(names):
    wrap = [*names.network.wrap, "unshare", "-m", "sh", "-c", 'mount -t tmpfs none /etc && exec "$@"', "sh"]
    for host in ("127.0.0.1:9", "[::1]:9"):
        result = ping(host, wrap=wrap)
        assert one_line(result.err) == f"connect {host}: connection refused (nothing listens there)"
    assert one_line(ping("-4", "::1", wrap=wrap).err) == "::1: no IPv4 address of that name"


@pytest.mark.valgrind
def test_a_forgotten_lookup_under_valgrind(no_answer):
    wrap = [*no_answer.wrap, "valgrind", "--quiet", "--leak-check=full", "--errors-for-leak-kinds=definite",
            "--show-leak-kinds=definite", "--error-exitcode=99"]
    result = ping("-W", 0.3, NAME, wrap=wrap, seconds=60)
    assert one_line(result.err).startswith(f"look up {NAME}: timed out")
    assert result.status == 3
