"""The way from a running demo to a notebook beside it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import until

import ami_console

pytestmark = pytest.mark.servers


def test_the_demo_names_settings_that_a_notebook_can_use(tmp_path: Path) -> None:
    """A newcomer copies the line that the demo prints into a cell, and another into a shell."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AMI_CONSOLE_")}
    command = [sys.executable, "-m", "ami_console"]
    demo = subprocess.Popen(
        [*command, "demo", "--no-open", "--port", "0", "--scenario", "no_worker"],
        cwd=tmp_path,
        env=environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert demo.stdout is not None
        line = next(line for line in demo.stdout if line.startswith("in a notebook: "))
        shell = next(demo.stdout).partition(":")[2].strip()
        (path,) = re.findall(r'ami_console\.connect\("(.+)"\)', line)
        assert max(len(line), len(shell)) < 100
        with ami_console.connect(path) as console:
            until(lambda: console.look().ok)
            until(lambda: bool(console.recording().jobs()))
            token = console.settings.antenna_token.reveal()
            assert token
            assert token not in repr(console) + console._repr_html_()
        assert os.stat(path).st_mode & 0o077 == 0
        taken = subprocess.run(
            ["sh", "-c", f"{shell}; {' '.join(command)} snapshot"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert "antenna ok" in taken.stdout
    finally:
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=30)
    assert not Path(path).exists()
