from bots.media import rtcp
from loadtest.node.media import parsed

FEEDBACK = rtcp.build_transport_feedback(1, 2, 0, 0, [1.0])
WISH = rtcp.build_picture_loss(1, 2)


def test_a_compound_is_read_but_for_transport_feedback_alone_and_nonsense():
    assert parsed(WISH) == (rtcp.PictureLoss(sender_ssrc=1, media_ssrc=2),)
    assert len(parsed(FEEDBACK + WISH)) == 2
    assert parsed(FEEDBACK) == parsed(WISH[:-1]) == ()
