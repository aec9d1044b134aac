"""The guard in conftest: the default suite cannot reach beyond the loopback interface."""

import os
import socket
import urllib.error
import urllib.request

import pytest


def test_a_connection_to_the_outside_is_refused() -> None:
    with socket.socket() as client, pytest.raises(RuntimeError, match="must not use the network"):
        client.connect(("192.0.2.1", 80))


def test_a_client_that_obeys_proxies_fails_at_once() -> None:
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen("http://example.org", timeout=5)


def test_loopback_stays_open() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
    ):
        assert client.getpeername() == server.getsockname()


def test_the_hub_clients_are_offline() -> None:
    assert os.environ["HF_HUB_OFFLINE"] == os.environ["HF_DATASETS_OFFLINE"] == "1"
