"""Following a log that is being written: whole lines only, and only of our run."""

from loadtest.follow import RunFollower
from tests.loadtest.test_codec import HEADER, RECORDS, lines_of


def test_records_come_as_their_lines_are_complete(tmp_path):
    path = tmp_path / "run.jsonl"
    follower = RunFollower(path, HEADER.run)
    assert follower.poll() == []

    first, second, third = lines_of(HEADER, *RECORDS[:2])
    with path.open("w") as file:
        file.write(first + second[:10])
        file.flush()
        assert follower.poll() == [HEADER]
        file.write(second[10:])
        file.write(third.rstrip("\n"))
        file.flush()
        assert follower.poll() == [RECORDS[0]]
        file.write("\n")
        file.flush()
        assert follower.poll() == [RECORDS[1]]
    assert follower.poll() == []
    follower.close()


def test_an_older_run_in_the_file_is_not_taken_for_ours(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text("".join(lines_of(HEADER, *RECORDS)))
    follower = RunFollower(path, "another")
    assert follower.poll() == []

    new = lines_of(HEADER, RECORDS[0])
    path.write_text("".join(new).replace('"run":"r1"', '"run":"another"'))
    header, record = follower.poll()

    assert header.run == "another"
    assert record == RECORDS[0]
    follower.close()


def test_kinds_of_a_newer_version_are_left_out(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text(lines_of(HEADER)[0] + '{"kind":"poll","elapsed_s":1}\n')
    follower = RunFollower(path, HEADER.run)

    assert follower.poll() == [HEADER]
    follower.close()
