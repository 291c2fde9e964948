# SPDX-License-Identifier: GPL-3.0-or-later
"""What all end-to-end tests share: the engines, the marks, and a service that is always cleaned up."""

import os
import resource
import signal

import pytest

import procfs
import service

# Every engine passes the whole conformance suite. A new engine is added here and nowhere else.
ENGINES = ("epoll", "fork")

# Those with a fixed set of workers, each of which serves many clients.
WORKER_ENGINES = tuple(name for name in ENGINES if name != "fork")

MARKS = {
    "soak": ("the long versions", os.environ.get("YODEL_SOAK") == "1", "YODEL_SOAK=1"),
    "valgrind": ("a short run under valgrind", os.environ.get("YODEL_VALGRIND") == "1", "YODEL_VALGRIND=1"),
    "nosanitize": ("means nothing with a sanitizer; its argument says why", not service.SANITIZED,
                   "a build without sanitizers"),
}
NOT_RUN = pytest.StashKey[dict]()


def pytest_configure(config):
    for name, (what, _, wanted) in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {what} ({wanted})")
    config.addinivalue_line("markers", "lengthy: takes long, so that it starts before the others")
    config.stash[NOT_RUN] = {}
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    asked = config.getoption("-m") or ""
    kept, dropped = [], []
    for item in items:
        why = [name for name, (_, on, _) in MARKS.items()
               if item.get_closest_marker(name) and not on and (name not in asked or name == "nosanitize")]
        for name in why[:1]:
            config.stash[NOT_RUN][name] = config.stash[NOT_RUN].get(name, 0) + 1
        (dropped if why else kept).append(item)
    kept.sort(key=lambda item: item.get_closest_marker("lengthy") is None)
    items[:] = kept
    if dropped:
        config.hook.pytest_deselected(items=dropped)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["not_run"] = session.config.stash[NOT_RUN]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.stash[NOT_RUN] = getattr(node, "workeroutput", {}).get("not_run", {})


def pytest_terminal_summary(terminalreporter, config):
    for name, count in sorted(config.stash[NOT_RUN].items()):
        terminalreporter.write_line(f"not run: {count} marked {name} (needs {MARKS[name][2]})")


@pytest.fixture(autouse=True)
def no_process_is_left_behind():
    """Whatever a test starts has ended when it is over. Set up first, so torn down last."""
    before = set(procfs.children(os.getpid()))
    yield
    left = set(procfs.children(os.getpid())) - before
    names = {pid: procfs.command(pid) for pid in left}
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, f"left behind: {names}"


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture
def start():
    """start(engine, *options, **how): a Service that is ended and judged when the test is over."""
    services = []

    def start_service(*args, **how):
        services.append(service.Service(*args, **how))
        return services[-1]

    yield start_service
    failures = []
    for each in reversed(services):
        try:
            each.destroy()
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)


@pytest.fixture
def echo(start, engine):
    """echo(*options, **how): the same with the engine that is under test."""
    def start_one(*options, **how):
        return start(engine, *options, **how)

    start_one.engine = engine
    return start_one


@pytest.fixture(params=WORKER_ENGINES)
def worker_echo(request, start):
    """The same, for engines with workers only."""
    return lambda *options, **how: start(request.param, *options, **how)


@pytest.fixture
def clients():
    """A list of sockets that are closed when the test is over, so that a failed test leaves none."""
    socks = []
    yield socks
    for sock in socks:
        sock.close()
