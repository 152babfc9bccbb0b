"""The harness leaves no server behind, however its process ends."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

SERVING = """
import json, sys, time, urllib.request
from pathlib import Path
from tests.browser.lab import serve

with serve(Path(sys.argv[1])) as server:
    start = urllib.request.Request(f"{server.url}/api/kernels", data=b"{}", method="POST")
    urllib.request.urlopen(start, timeout=60).close()
    print(json.dumps(server.url), flush=True)
    time.sleep(600)
"""
LONG = 60


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with the one that started it")
def test_a_server_and_its_kernel_end_with_the_process_that_started_them(tmp_path):
    command = [sys.executable, "-c", SERVING, tmp_path]
    repository = Path(__file__).parents[2]
    process = subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())
        assert urllib.request.urlopen(f"{url}/api/status", timeout=LONG).status == 200
        started = belonging(tmp_path)
        assert len(started) == 2  # server, kernel
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LONG)
    assert process.returncode == -signal.SIGTERM  # no `finally` of its own has run
    end = time.monotonic() + LONG
    while belonging(tmp_path):
        assert time.monotonic() < end, belonging(tmp_path)
        time.sleep(0.1)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{url}/api/status", timeout=LONG)


def belonging(folder):
    """Give the command lines of the processes that run with this folder in theirs."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_text()
        except OSError:
            continue  # it has just ended
        if str(folder) in arguments and SERVING not in arguments:
            found.append(arguments.replace("\0", " "))
    return found
