"""The tests themselves reach no host but this machine."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest
from pytest_socket import SocketConnectBlockedError

# RFC 5737: an address for documentation, which belongs to nobody.
ELSEWHERE = "192.0.2.1"


@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_a_test_reaches_no_other_host():
    with socket.socket() as other, pytest.raises(SocketConnectBlockedError, match=ELSEWHERE):
        other.connect((ELSEWHERE, 443))


def test_a_test_reaches_this_machine():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_command_that_a_test_starts_asks_a_proxy_that_is_not_there(scheme):
    script = f"import urllib.request; urllib.request.urlopen('{scheme}://{ELSEWHERE}/', timeout=30)"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "Connection refused" in ended.stderr
