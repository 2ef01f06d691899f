"""Runs `sam local invoke` for many functions, several at a time, and waits for all of them.

    sam_local_invoke.py <how many at a time>

Reads from standard input a JSON array of `{"function", "handler", "arguments", "log"}`: the function's logical id and
handler, the arguments of `sam`, and the file for what the SAM CLI and the function log. Prints, as they come and as one
JSON object per line, `{"function", "handler", "answer"}`, and of functions that failed, on standard error, a sentence.

Each run is a process of its own, forked from this one, which has loaded the SAM CLI: loading it costs more than running it.
"""

import json
import os
import sys
import tempfile

import requests

# What the command loads only when it is run.
import samcli.commands.local.invoke.cli  # noqa: F401
import samcli.commands.local.lib.local_lambda  # noqa: F401
import samcli.lib.providers.sam_stack_provider  # noqa: F401
from samcli.cli.main import cli
from samcli.lib.utils.retry import retry
from samcli.local.docker.container import Container, ContainerResponseException

LINES_SHOWN = 12

# The engine's proxy takes connections before anything in the container does. The SAM CLI takes that for a container that is
# up, and asks three times within a third of a second, which on a busy machine is over before it is. These are 13 seconds.
ask = Container.wait_for_http_response.__wrapped__
again = retry(exc=requests.exceptions.ConnectionError, attempts=7, exc_raise=ContainerResponseException)
Container.wait_for_http_response = again(ask)


def start(one, output):
    """The process that runs the command, with its output in that file."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        with open(one["log"], "ab") as log:
            os.dup2(output.fileno(), 1)
            os.dup2(log.fileno(), 2)
        cli.main(one["arguments"], prog_name="sam")
    except SystemExit as end:
        status = end.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 1)


def told(one, output, status):
    """Prints what came of a run; whether it succeeded."""
    output.seek(0)
    printed = output.read()
    try:
        if status == 0:
            line = {"function": one["function"], "handler": one["handler"], "answer": json.loads(printed)}
            print(json.dumps(line), flush=True)
            return True
    except ValueError:
        pass
    with open(one["log"], encoding="utf-8", errors="replace") as log:
        end = "".join(log.readlines()[-LINES_SHOWN:])
    said = printed.decode(errors="replace") or "nothing"
    print(f"`sam local invoke {one['function']}` printed {said}, and logged at its end:\n{end}", file=sys.stderr, flush=True)
    return False


def main(at_a_time):
    waiting = json.load(sys.stdin)[::-1]
    running, failed = {}, False
    while waiting or running:
        while waiting and len(running) < at_a_time:
            one, output = waiting.pop(), tempfile.TemporaryFile()
            running[start(one, output)] = one, output
        pid, status = os.wait()
        one, output = running.pop(pid)
        failed |= not told(one, output, os.waitstatus_to_exitcode(status))
        output.close()
    sys.exit(failed)


if __name__ == "__main__":
    main(int(sys.argv[1]))
