"""What our own sockets lost is seen, and what others lost is not ours."""

import socket
import subprocess
import sys

from bots.socket_drops import SocketDrops, drops_by_inode, rcvbuf_errors

FLOOD = """
import socket
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
receiver.bind(("127.0.0.1", 0))
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(500):
    sender.sendto(bytes(1000), receiver.getsockname())
"""


def flood(count):
    """Send a socket of ours more than it can hold; return the socket."""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    receiver.bind(("127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(count):
            sender.sendto(bytes(1000), receiver.getsockname())
    return receiver


def test_what_a_socket_of_ours_could_not_hold_is_counted_once():
    drops = SocketDrops()
    with flood(500):
        lost = drops.take()
        again = drops.take()

    assert 400 < lost < 500
    assert again == 0


def test_what_another_process_could_not_hold_is_not_ours():
    drops = SocketDrops()
    before = drops._sum
    subprocess.run([sys.executable, "-c", FLOOD], check=True)

    assert drops._read_sum() > before, "the flood lost nothing"
    assert drops.take() == 0


def test_texts_without_the_counters_say_nothing():
    assert rcvbuf_errors("Tcp: a b\nTcp: 1 2\n") == 0
    assert drops_by_inode("") == {}
