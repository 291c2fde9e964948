# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service gives up once its sockets are open."""

import errno
import os
import pwd
import random

import pytest

import procfs
from clients import converse, finish, round_trip
from faults import Faults
from service import until


def test_no_capabilities_and_no_new_privileges(echo, clients):
    """Neither the service nor a child, also without another user to become."""
    service = echo()
    clients += [service.connect() for _ in range(3)]
    converse(clients, [b"a", b"b", b"c"])
    everybody = service.everybody()
    assert len(everybody) > 1
    for pid in everybody:
        status = procfs.status(pid)
        assert status["NoNewPrivs"] == "1"
        assert [status[name].strip("0") for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")] == [""] * 4, pid


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("name", ["nobody", "number"])
def test_user_to_drop_to(echo, clients, name):
    if name == "nobody":
        entry = pwd.getpwnam(name)
        uid, gid = entry.pw_uid, entry.pw_gid
    else:
        uid = gid = name = 1_000_000 + random.SystemRandom().randrange(1_000_000_000)
    service = echo("--user", name, preexec=lambda: os.setgroups([4, 24]))
    service.deaths_expected = True
    clients += [service.connect() for _ in range(3)]
    converse(clients, [b"a", b"b", b"c"])
    os.kill(service.worker_of(clients[0]), 9)
    service.closed_by(clients[0])
    with service.connect() as sock:
        round_trip(sock)
        for pid in service.everybody():
            status = until(lambda: procfs.status(pid), what="status")
            assert status["Uid"].split() == [str(uid)] * 4
            assert status["Gid"].split() == [str(gid)] * 4
            assert status["Groups"] == ""
            assert int(status["CapPrm"], 16) == int(status["CapEff"], 16) == 0


def test_children_hold_nothing_but_their_clients(echo, clients):
    """No listener, no other client; and the parent keeps no copy."""
    service = echo()
    clients += [service.connect() for _ in range(6)]
    converse(clients, [b"%d" % i for i in range(6)])
    listeners = {f"socket:[{inode}]" for state, inode in procfs.tcp_sockets(service.port) if state == procfs.LISTEN}
    assert len(listeners) == 1
    children = service.children()
    held = [states.get(procfs.ESTABLISHED, 0) for states in procfs.tcp_held(service.port, *children)]
    print("clients per child:", held, "descriptors:", [procfs.descriptors(pid) for pid in children[:2]])
    assert sum(held) == 6 and (service.engine != "fork" or held == [1] * 6)
    for pid, count in zip(children, held):
        targets = set(procfs.descriptors(pid).values())
        assert not listeners & targets
        sockets = [target for target in targets if target.startswith("socket:")]
        assert len(sockets) <= count + 1
        files = [target for target in targets if target.startswith("/") and target != "/dev/null"]
        assert files == []
    until(lambda: procfs.tcp_held(service.port, service.pid) == [{procfs.LISTEN: 1}], what="the parent holds no client")
    for sock in clients:
        finish(sock)


def test_descriptors_do_not_pile_up(echo):
    """Neither in the parent nor in its children."""
    service = echo()

    def visit(times):
        for _ in range(times):
            with service.connect() as sock:
                round_trip(sock)
                finish(sock)
        service.stats_when(lambda stats: stats["conns"] == 0)

    def held():
        return [len(procfs.descriptors(pid)) for pid in service.everybody()]

    visit(5)
    if service.engine == "fork":
        until(lambda: not service.children(), what="the last child is reaped")
    before = held()
    visit(100)
    until(lambda: held() == before, what=f"descriptors are {before} again")


def test_landlock(echo, tmp_path):
    """No child can open a file; with a kernel that knows how, neither connect nor bind."""
    faults = Faults(tmp_path)
    faults.probe()
    service = echo(env=faults.env)
    with service.connect() as sock:
        round_trip(sock)
        finish(sock)
    opening, binding, connecting = until(faults.probed, what="a child has tried")
    version = service.wait_for("start")["landlock"]
    if version < 1:
        pytest.skip("this kernel has no Landlock; the log says so")
    assert opening == errno.EACCES
    if version >= 4:
        assert (binding, connecting) == (errno.EACCES, errno.EACCES)
