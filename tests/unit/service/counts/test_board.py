"""The workers' board: what one shows is what the others read, whole or not at all."""

from __future__ import annotations

import mmap
import threading
from multiprocessing import get_context

import pytest

from fairlead.service.counts.board import HALF, Board


def _show(board: Board, text: bytes) -> None:
    board.write(text)


def test_a_slot_that_nobody_wrote_says_nothing() -> None:
    assert Board(2).read(1) is None


def test_each_worker_writes_its_own_slot() -> None:
    board = Board(2)
    board.write(b"first")
    board.of(1).write(b"second")
    assert (board.read(0), board.read(1)) == (b"first", b"second")


def test_what_is_shown_last_counts() -> None:
    board = Board(1)
    for text in (b"long text", b"b", b"c"):
        board.write(text)
        assert board.read(0) == text


def test_a_board_reaches_a_spawned_process() -> None:
    board = Board(2)
    child = get_context("spawn").Process(target=_show, args=(board.of(1), b"from the child"))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert board.read(1) == b"from the child"


def test_a_writer_that_died_halfway_leaves_its_last_whole_text() -> None:
    board = Board(1)
    board.write(b"whole")
    hidden = mmap.PAGESIZE + (1 - board._memory[0]) * HALF
    board._memory[hidden : hidden + 20] = b"half of another text"
    assert board.read(0) == b"whole"


def test_a_reader_never_sees_a_mixture() -> None:
    board, stop = Board(1), threading.Event()
    texts = [bytes([letter]) * 50_000 for letter in b"abc"]
    board.write(texts[0])
    rounds = threading.Semaphore(0)

    def write() -> None:
        while not stop.is_set():
            for text in texts:
                board.write(text)
            rounds.release()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    try:
        for _ in range(20):  # however seldom the writer is given the interpreter
            assert rounds.acquire(timeout=30)
            seen += [board.read(0) for _ in range(100)]
    finally:
        stop.set()
        writer.join()
    assert set(seen) <= {*texts, None}
    assert set(seen) & set(texts)


def test_a_text_beyond_the_slot_is_refused() -> None:
    with pytest.raises(ValueError, match="more than a slot"):
        Board(1).write(b"x" * HALF)
