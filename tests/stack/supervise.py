"""Runs a command in a session of its own and ends all of it when whoever started it is gone.

Standard input is the leash: it ends when the starter closes it, exits, or is killed. What belongs to the command is
known by its process group, so nothing is ever ended by name, and processes that the command started end with it.
"""

import os
import signal
import subprocess
import sys
import threading


def main():
    # Ctrl-C reaches everything in the terminal's foreground, this process among it. The starter decides what it means.
    for name in (signal.SIGINT, signal.SIGHUP):
        signal.signal(name, lambda *_: None)
    command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)

    def end(*_):
        try:
            os.killpg(command.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def watch():
        while os.read(0, 4096):
            pass
        end()

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=watch, daemon=True).start()
    # Not reaped before its group is ended: until then no other process can be given its number.
    os.waitid(os.P_PID, command.pid, os.WEXITED | os.WNOWAIT)
    end()
    code = command.wait()
    sys.stdout.flush()
    os._exit(code if code >= 0 else 128 - code)


main()
