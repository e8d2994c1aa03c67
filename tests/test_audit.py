"""The audit passes only where a list of weaknesses answered, or says that none did."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests import audit

ANSWERS = {
    "/list": (200, json.dumps({"vulnerabilities": [{"id": "PYSEC-1"}]})),
    "/silent": (200, json.dumps({"vulnerabilities": []})),
    "/mirror": (200, json.dumps({"info": {}})),
    "/proxy": (200, "<p>Log in first.</p>"),
    "/absent": (404, ""),
}


class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        status, text = ANSWERS[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address():
    with HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_list_with_weaknesses_can_be_asked(address):
    assert audit.missing(f"{address}/list") is None


@pytest.mark.parametrize("page", ["silent", "mirror", "proxy", "absent"])
def test_another_answer_is_no_list(address, page):
    assert audit.missing(f"{address}/{page}") is not None


@pytest.mark.parametrize(("options", "status"), [([], 0), (["--required"], 1)])
def test_a_list_that_cannot_be_asked_is_told_and_fails_where_it_is_required(monkeypatch, capsys, options, status):
    monkeypatch.setattr(audit, "missing", lambda: "no network")
    assert audit.main(options) == status
    assert "NOT AUDITED" in capsys.readouterr().err


@pytest.mark.parametrize("status", [0, 1])
def test_what_pip_audit_says_is_the_outcome(monkeypatch, status):
    asked = []

    class Done:
        returncode = status

    monkeypatch.setattr(audit, "missing", lambda: None)
    monkeypatch.setattr(audit.subprocess, "run", lambda command, check: asked.append(command) or Done)
    assert audit.main(["--required", "--format", "json"]) == status
    assert asked[0][-4:] == ["--format", "json", "-r", str(audit.PINS)]
    assert "--strict" in asked[0]
