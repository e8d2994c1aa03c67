"""A cluster whose scheduler, workers and client show certificates: who has none, or another one, gets no word in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dask import config
from distributed import LocalCluster

from data.errors import RequestError, WorkError
from runners.engine.execution.dask import Cluster
from tests.resources import workers
from tests.resources.machines import Machines

ROOT = Path(__file__).parents[4]
ROLES = ("client", "scheduler", "worker")
NEW = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


def made(folder):
    """A certificate that is its own authority, and its key, as docs/howto/machines.md makes them."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on the path, which makes the certificates of these tests")
    files = ("-keyout", folder / "key.pem", "-out", folder / "cert.pem")
    subprocess.run(["openssl", *NEW, "-subj", "/CN=readings", *files], capture_output=True, check=True)
    return folder


def settings(folder, authority=None):
    """Dask's settings for what lies in a folder; all trust what `authority` has signed."""
    parts = [(role, part) for role in ROLES for part in ("cert", "key")]
    own = {f"distributed.comm.tls.{role}.{part}": str(folder / f"{part}.pem") for role, part in parts}
    return {**own, "distributed.comm.tls.ca-file": str((authority or folder) / "cert.pem")}


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return made(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    return made(tmp_path_factory.mktemp("others"))


@pytest.fixture
def address(ours):
    """Of a scheduler with one worker, both in this process, that speak TLS."""
    # Any free port: with None distributed still asks for 8787, which another test's scheduler may hold.
    local = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": "127.0.0.1:0"}
    with config.set(settings(ours)), LocalCluster(host="127.0.0.1", protocol="tls://", **local) as cluster:
        yield cluster.scheduler_address


def squares(address):
    own = Cluster(address, timeout=60)
    try:
        return own.map(workers.square, (), [2.0, 3.0])
    finally:
        own.close()


def test_with_the_certificates_of_dasks_configuration_work_is_done(address):
    assert address.startswith("tls://") and squares(address) == [4.0, 9.0]


def test_without_certificates_nothing_is_sent_and_the_page_that_tells_how_is_named(address):
    with config.set({"distributed.comm.tls.ca-file": None}), pytest.raises(RequestError) as error:
        squares(address)
    assert "needs certificates of Dask, which its configuration does not name" in str(error.value)
    assert str(error.value).endswith("see docs/howto/machines.md") and (ROOT / "docs/howto/machines.md").is_file()


def test_a_file_that_holds_none_is_told(ours, tmp_path):
    for content in (None, "no certificate"):
        if content is not None:
            (tmp_path / "cert.pem").write_text(content)
        with config.set(settings(ours, authority=tmp_path)), pytest.raises(RequestError, match="which cannot be read"):
            squares("tls://127.0.0.1:1")


def test_where_encryption_is_required_no_other_address_is_taken():
    required = config.set({"distributed.comm.require-encryption": True})
    with required, pytest.raises(RequestError, match=r"give a tls:// address instead of tcp:"):
        squares("tcp://127.0.0.1:1")


@pytest.mark.parametrize("trusting", [False, True])
def test_whoever_shows_another_certificate_gets_no_word_in(address, ours, others, trusting):
    theirs = settings(others, authority=ours if trusting else None)
    with config.set(theirs), pytest.raises(WorkError, match="no scheduler answers at tls://"):
        squares(address)


@pytest.mark.slow
def test_a_sweep_over_machines_that_speak_tls_is_that_of_one(ours, tmp_path):
    cert, key = str(ours / "cert.pem"), str(ours / "key.pem")
    files = {"CA_FILE": cert, "CLIENT__CERT": cert, "CLIENT__KEY": key}
    variables = {f"DASK_DISTRIBUTED__COMM__TLS__{name}": file for name, file in files.items()}
    variables["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] = "true"

    def swept(out, *words, **given):
        command = ("-m", "runners.sweep", "fomc_tilt", "-p", "hold=5,20", "--source", "sample", "--out", out, *words)
        return subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT), **given},
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip

    options = ("--tls-ca-file", cert, "--tls-cert", cert, "--tls-key", key)
    machines = Machines(tmp_path, workers=1, options=options, protocol="tls")
    try:
        assert machines.address.startswith("tls://")
        done = swept("far", "--dask", machines.address, **variables)
        refused = swept("none", "--dask", machines.address)
    finally:
        machines.stop()
    assert (done.returncode, done.stderr) == (0, "")
    assert refused.returncode == 2 and refused.stderr.startswith("error: tls://") and refused.stderr.count("\n") == 1
    assert swept("near").returncode == 0
    for name in json.loads((tmp_path / "near" / "manifest.json").read_text())["files"]:
        assert (tmp_path / "far" / name).read_bytes() == (tmp_path / "near" / name).read_bytes(), name
