"""Blocks cover the work exactly and count as done only while their hashes match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.runs_support import compute, store_in

from cxaxis.core.errors import ModelValueError
from cxaxis.runs.blocks import Block, block_ranges, blocks_of


@given(n=st.integers(0, 2000), size=st.integers(1, 200))
def test_block_ranges_cover_every_item_once_in_order(n, size):
    ranges = block_ranges(n, size)
    assert [item for items in ranges for item in items] == list(range(n))
    assert all(len(items) == size for items in ranges[:-1])
    assert all(1 <= len(items) <= size for items in ranges)


def test_two_hundred_patients_make_four_blocks_of_at_most_64():
    assert [len(items) for items in block_ranges(200)] == [64, 64, 64, 8]
    assert [block.name for block in blocks_of("arm", 65)] == ["arm-00000", "arm-00001"]
    assert [block.size for block in blocks_of("arm", 65)] == [64, 1]


@pytest.mark.parametrize(("n", "size"), [(-1, 64), (10, 0)])
def test_impossible_cuts_are_refused(n, size):
    with pytest.raises(ModelValueError, match="at least"):
        block_ranges(n, size)


@pytest.mark.parametrize("group", ["", "../arm", "a b", "a.b"])
def test_a_group_that_is_no_safe_file_name_is_refused(group):
    with pytest.raises(ModelValueError, match="may hold letters"):
        Block(group=group, index=0, start=0, stop=1)


def test_a_block_is_done_once_written_and_not_before(tmp_path):
    store = store_in(tmp_path)
    blocks = blocks_of("a", 130)
    assert store.missing(blocks) == blocks
    compute(store, blocks[1])
    assert store.missing(blocks) == (blocks[0], blocks[2])


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("file", "harm"),
    [
        ("a-00000.sizes.parquet", damage),
        ("a-00000.flags.parquet", damage),
        ("a-00000.sizes.parquet", lambda path: path.unlink()),
        ("a-00000.sha256", lambda path: path.unlink()),
        ("a-00000.sha256", lambda path: path.write_text(path.read_text().splitlines()[0])),
        ("a-00000.sha256", lambda path: path.write_bytes(b"\xff\xfe")),
    ],
)
def test_a_damaged_block_counts_as_not_done_and_is_made_good(tmp_path, file, harm):
    store = store_in(tmp_path)
    (block,) = blocks_of("a", 20)
    compute(store, block)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    harm(tmp_path / file)
    assert not store.is_finished(block)
    with pytest.raises(ModelValueError, match="1 of 1 blocks are not finished, first a-00000"):
        store.load_blocks([block])
    compute(store, block)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_tables_are_put_together_in_block_order_not_in_the_order_of_writing(tmp_path):
    store = store_in(tmp_path)
    blocks = (*blocks_of("b", 70), *blocks_of("a", 3))
    for block in reversed(blocks):
        compute(store, block)
    frames = store.load_blocks(blocks)
    expected = [f"b{item}" for item in range(70)] + [f"a{item}" for item in range(3)]
    assert list(frames["sizes"]["ITEM"]) == expected
    assert list(frames["sizes"].index) == list(range(73))
    assert frames["flags"]["FLAG"].dtype == "int8"


def test_no_blocks_give_empty_tables_with_their_columns(tmp_path):
    frames = store_in(tmp_path).load_blocks([])
    assert list(frames["sizes"].columns) == ["ITEM", "SIZE", "LATE"]
    assert len(frames["flags"]) == 0


def test_a_block_needs_every_table_of_the_store(tmp_path):
    store = store_in(tmp_path)
    (block,) = blocks_of("a", 1)
    with pytest.raises(ModelValueError, match=r"got tables \[\], expected \['flags', 'sizes'\]"):
        store.write(block, {})
