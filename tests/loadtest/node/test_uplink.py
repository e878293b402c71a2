"""A network card of a fixed speed."""

from loadtest.node.uplink import QUEUE_S, Uplink


def test_below_its_speed_a_card_takes_everything():
    uplink = Uplink(80_000.0, 0.0)

    taken = [uplink.takes(100, 0.0101 * number) for number in range(1, 200)]

    assert all(taken)
    assert uplink.dropped_packets == 0


def test_above_its_speed_a_card_drops_what_is_too_much():
    uplink = Uplink(80_000.0, 0.0)

    taken = [uplink.takes(100, 0.005 * number) for number in range(1, 2001)]

    # 20,000 bytes a second for a card of 10,000: half of them goes.
    assert 0.49 <= sum(taken) / 2000 <= 0.51
    assert uplink.dropped_bytes == 100 * uplink.dropped_packets
    assert uplink.dropped_packets == 2000 - sum(taken)


def test_a_burst_fits_into_the_queue_and_no_more():
    uplink = Uplink(80_000.0, 0.0)

    taken = [uplink.takes(100, 5.0) for _ in range(20)]

    assert sum(taken) == 10_000 * QUEUE_S / 100
