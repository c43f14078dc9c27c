"""Lines to words, and words to numbers: one way for every reader of text."""

import csv

import numpy as np
import pytest

from jaxload import io
from jaxload.io.text.dates import days_of_parts
from jaxload.io.text.day_formats import days_of_fields
from jaxload.io.text.lines import data_lines
from jaxload.io.text.table import number_column, number_table, split_table
from jaxload.io.text.words import find_mark, parse_number, split_row

RING = "10 50\n11 50\n11 51\n10 51\n"


@pytest.mark.parametrize(
    ("line", "mark", "words"),
    [
        ("ABCD 10  50", None, ["ABCD", "10", "50"]),
        ('"Lhasa 1"  91.1 29.6', None, ["Lhasa 1", "91.1", "29.6"]),
        (' A, "b, c" ,d', ",", ["A", "b, c", "d"]),
        ('"say ""so""";2', ";", ['say "so"', "2"]),
        ("A\t\t3\t", "\t", ["A", "", "3", ""]),
        ('A||"b"', "||", ["A", "b"]),
    ],
)
def test_quotation_marks_hold_words_together(line, mark, words):
    assert split_row(line, mark) == words


def test_blanks_at_the_ends_of_a_line_part_no_columns():
    assert find_mark("\tABCD 10 50\t") is None
    assert find_mark("A,1;2") == ";"
    assert find_mark("A,1;2", ",;") == ","


def test_a_line_of_data_keeps_its_empty_columns():
    lines = ["# c", "", "A\t1\t", " % c", "\tB\t2"]
    assert list(data_lines(lines)) == [(3, "A\t1\t"), (5, "\tB\t2")]
    table = split_table("x", lines, (3,), "", delimiter="\t")
    assert table.rows == [["A", "1", ""], ["", "B", "2"]]


def test_a_table_of_numbers_counts_blank_lines_and_those_above_it():
    lines = ["title", "", "1 2", " ", "3 4", ""]
    table = number_table("x", lines, 2, "", skip=1)
    assert table.matrix is not None
    assert table.numbers == [3, 5]
    np.testing.assert_array_equal(number_column(table, 1, "b"), [2, 4])


@pytest.mark.parametrize("word", ["1_000", "inf", "1,5", "x"])
def test_what_is_no_number_is_named_with_its_line(word):
    with pytest.raises(ValueError, match=f"f line 3: up is '{word}', expected a num"):
        parse_number(word, "up", "f line 3")


def test_an_empty_note_behind_a_tab_is_a_column(tmp_path):
    path = tmp_path / "steps.txt"
    path.write_text("station\tday\tnote\nABCD\t2010-01-31\t\nABCD\t2011-01-31\twhy\n")
    assert io.read_offsets(path).note.values.tolist() == ["", "why"]


def test_units_in_brackets_are_no_part_of_what_a_column_is_called(tmp_path):
    path = tmp_path / "steps.csv"
    path.write_text("Station,MJD [d],kind,tau [d]\nABCD,55197.0,log,30\n")
    (event,) = io.read_offsets(path).to_dataframe().itertuples()
    assert str(event.day) == "2010-01-01 00:00:00"
    assert event.relaxation == 30


def test_a_name_of_a_station_may_hold_a_blank_between_quotation_marks(tmp_path):
    path = tmp_path / "sites.txt"
    path.write_text('"Lhasa 1" 91.1 29.6\n"Lhasa 2" 91.2 29.7\n')
    sites = io.read_sites(path)
    assert [(name, site.lon) for name, site in sites.items()] == [
        ("LHASA 1", 91.1),
        ("LHASA 2", 91.2),
    ]


def test_a_name_behind_counts_has_no_quotation_marks(tmp_path):
    path = tmp_path / "ring.bln"
    path.write_text('5, 1, "Upper Basin"\n' + RING.replace(" ", ",") + "10,50\n")
    assert list(io.read_regions(path)) == ["Upper Basin"]


def test_a_word_of_any_length_is_read(tmp_path):
    path = tmp_path / "ring.txt"
    long = "n" * (csv.field_size_limit() + 1)
    rows = "".join(f'{line.replace(" ", ",")},"{long}"\n' for line in RING.split("\n"))
    path.write_text("lon,lat,name\n" + rows.removesuffix(f',"{long}"\n'))
    assert list(io.read_regions(path)) == [long]


def test_no_row_of_a_well_is_left_out_for_its_length(tmp_path):
    path = tmp_path / "wells.csv"
    long = "n" * (csv.field_size_limit() + 1)
    path.write_text(
        f'well,date,depth (m),note\nA,2010-01-05,12.5,"{long}"\nA,2010-02-05,12.1,\n'
    )
    assert io.read_wells(path).sizes["time"] == 2


def test_reading_changes_no_setting_of_the_module_for_csv(tmp_path):
    path, before = tmp_path / "areas.csv", csv.field_size_limit()
    path.write_text('name,wkt\nA,"POLYGON ((0 0, 1 0, 1 1, 0 0))"\n')
    assert list(io.read_regions(path)) == ["A"]
    assert csv.field_size_limit() == before


def test_a_part_of_a_date_counts_for_no_other():
    year, month, day = np.array(
        [
            [2010, 2, 28.9],
            [2010, 2, 29],
            [2010, 0, 131],
            [2010, 101, 5],
            [2010, 2, -70],
            [2010, 1.5, 3],
        ]
    ).T
    found = days_of_parts(year, month, day)
    assert [str(one) for one in found] == ["2010-02-28", *["NaT"] * 5]
    fields = days_of_fields({"year": year, "month": month, "day": day})
    np.testing.assert_array_equal(fields, found)
