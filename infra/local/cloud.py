"""Runs MiniStack, the local cloud, for as long as the program that started it lives.

The caller starts this file in a process group of its own and holds the other end of its standard input. When that
end closes, however the caller ended, MiniStack gets a moment to end its functions, and then the whole group is killed,
so that neither MiniStack nor a function it started is left behind.
"""

import os
import signal
import socketserver
import subprocess
import sys
import threading

GRACE_SECONDS = 4


def serve():
    # Without this, each invocation waits for a delayed acknowledgement between the Runtime API and the function.
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    sys.argv = ["ministack"]
    from ministack.app import main

    import condition_keys
    import source_address

    condition_keys.install()
    source_address.install()
    main()


def supervise():
    # Ctrl-C in a terminal is the caller's to handle: it closes our standard input when it has cleaned up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, __file__, "serve"], stdin=subprocess.DEVNULL)
    ended = threading.Event()

    def caller_gone():
        sys.stdin.buffer.read()
        ended.set()

    def child_gone():
        child.wait()
        ended.set()

    for wait in (caller_gone, child_gone):
        threading.Thread(target=wait, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    ended.wait()
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else supervise()
