# SPDX-License-Identifier: GPL-3.0-or-later
"""Two who call each other at the same moment come together once."""

from types import SimpleNamespace

import pytest

from netns import Network
from chatlib import Chats
from people import People, in_chat, people, said, status_of, talking, wait_said  # noqa: F401
from private import BY_KEY, DUPLICATE, Alert, Broken, Caller, Cut, Listener
from service import until

ROUNDS = 50


class Hosts:
    """Two hosts with a line between them: anna's, 10.0.0.1, and bob's, 10.0.0.2."""

    def __init__(self):
        self.networks = [Network(), Network()]
        self.usable = all(network.usable for network in self.networks)

    def connect(self):
        one, other = self.networks
        one.run("ip", "link", "add", "line", "type", "veth", "peer", "name", "line", "netns", str(other.holder.pid))
        for number, network in enumerate(self.networks, 1):
            network.run("ip", "address", "add", f"10.0.0.{number}/24", "dev", "line")
            network.run("ip", "link", "set", "line", "up")

    def close(self):
        for network in self.networks:
            network.close()


@pytest.fixture
def hosts(tmp_path_factory):
    made = Hosts()
    chats = Chats(tmp_path_factory.mktemp("chat"))
    try:
        if not made.usable:
            pytest.skip("no network namespaces here")
        made.connect()
        people = People(chats, tmp_path_factory.mktemp("people"))
        made.anna = people("anna", wrap=made.networks[0].wrap)
        made.bob = people("bob", wrap=made.networks[1].wrap)
        people.acquaint(made.anna, made.bob, "10.0.0.1:5188")
        yield made
        chats.end()
    finally:
        made.close()


def connections(network):
    """Those between the two hosts that are established: (own port, other's port)."""
    rows = [line.split() for line in network.run("ss", "-Htn", "state", "established").splitlines()]
    return [tuple(int(end.rpartition(":")[2]) for end in row[2:4]) for row in rows if "10.0.0." in row[2]]


def dialled(network):
    """Whether the one connection that is left was dialled from there."""
    [(own, other)] = until(lambda: len(found := connections(network)) == 1 and found, what="one connection is left")
    assert 5188 in (own, other)
    return other == 5188


@pytest.mark.lengthy
def test_who_calls_at_the_same_moment_is_connected_once(hosts):
    """And over the connection that the smaller id dialled, wherever both got through."""
    anna, bob = hosts.anna, hosts.bob
    smaller = hosts.networks[anna.key.id > bob.key.id]
    of_smaller = 0
    for number in range(ROUNDS):
        one, other = (anna, bob) if number % 2 else (bob, anna)
        programs = one.call(other.name), other.call(one.name)
        for program, peer in zip(programs, (other, one)):
            wait_said(program, f"{peer.name} is here, encrypted")
        in_chat(*programs, text=f"round {number}")
        of_smaller += dialled(smaller)
        for program in programs:
            assert said(program).count("is here, encrypted") == 1, said(program)
            assert "come back" not in said(program) and "turned away" not in said(program), said(program)
        programs[0].line("/quit")
        assert [status_of(program) for program in programs] == [0, 0]
        for program in programs:
            assert not program.tape.bytes.count(b"not delivered")
            program.end()
    print(f"the smaller id dialled {of_smaller} of {ROUNDS}")
    assert set(anna.contacts()) == {"bob"} and set(bob.contacts()) == {"anna"}


@pytest.mark.lengthy
def test_pipes_that_call_at_the_same_moment_are_connected_once(hosts):
    anna, bob = hosts.anna, hosts.bob
    for number in range(10):
        programs = [anna.call("bob", on="pipes"), bob.call("anna", on="pipes")]
        for program in programs:
            program.line(f"from {program.pid} in round {number}")
            program.half_close()
        assert [program.read_all().decode() for program in programs] == \
            [f"from {program.pid} in round {number}\n" for program in reversed(programs)]
        assert [status_of(program) for program in programs] == [0, 0]
        for program in programs:
            assert said(program).count(" is here ") == 1
            program.end()


# --- with one of the two played by the test, so that both connections get through

@pytest.fixture
def crossing(people):
    """crossing(smaller): the one of the two who has the smaller id, or the other one, calls. Returns the program, and the
    peer's ends of both connections: the one that was dialled by the program, and a new one."""
    anna, bob = people("anna"), people("bob")
    people.acquaint(anna, bob)
    small, large = sorted((anna, bob), key=lambda person: person.key.id)
    socks = []

    def make(smaller):
        caller, called = (small, large) if smaller else (large, small)
        server = people.network.listen()
        socks.append(server)
        caller.set_places(called.name, server.getsockname())
        program = caller.call(called.name)
        sock, _ = server.accept()
        theirs = Listener(sock, key=called.key, name=called.name).handshake()
        theirs.say_hello()
        theirs.asked()
        sock = people.network.connect(SimpleNamespace(host="127.0.0.1", port=5188))
        ours = Caller(sock, key=called.key, name=called.name)
        socks.extend((theirs.sock, ours.sock))
        return program, called, theirs, ours

    yield make
    for sock in socks:
        sock.close()


def test_the_smaller_id_keeps_what_it_has_dialled(crossing):
    program, peer, theirs, ours = crossing(True)
    ours.handshake()
    ours.say_hello()
    ours.commit()
    ours.hear_hello()
    assert ours.expect_refusal() == DUPLICATE
    theirs.welcome(BY_KEY)
    theirs.begun()
    talking(program, peer.name)
    theirs.say("over the first")
    program.wait_screen("over the first")
    assert "turned away" not in said(program)


def test_the_larger_id_takes_what_the_other_has_dialled(crossing):
    program, peer, theirs, ours = crossing(False)
    ours.greet()
    assert ours.how == BY_KEY
    talking(program, peer.name)
    with pytest.raises((Alert, Broken, Cut, OSError)):
        theirs.receive()
        theirs.receive()
    ours.say("over the second")
    program.wait_screen("over the second")
    assert said(program).count("is here") == 1 and "turned away" not in said(program)
