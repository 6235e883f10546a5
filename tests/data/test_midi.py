"""The bytes of a Standard MIDI File match the format's specification."""

from edge_export.data.midi import Note, midi_file


def test_file_has_a_header_one_track_and_the_notes_in_order() -> None:
    content = midi_file([Note(0.5, 0.25, 60, 90, 2), Note(0.0, 0.5, 64, 80, 2)], {2: 40}, {2: {7: 100}})
    assert content[:14] == b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0"
    assert content[14:18] == b"MTrk"
    assert int.from_bytes(content[18:22], "big") == len(content) - 22
    assert content[22:29] == b"\x00\xff\x51\x03\x07\xa1\x20"
    # Program, volume, first note; off after 480 ticks (0x83 0x60), and the second note on at the same tick.
    assert content[29:] == (
        b"\x00\xc2\x28" b"\x00\xb2\x07\x64" b"\x00\x92\x40\x50" b"\x83\x60\x82\x40\x00" b"\x00\x92\x3c\x5a"
        b"\x81\x70\x82\x3c\x00" b"\x00\xff\x2f\x00"
    )  # fmt: skip


def test_values_outside_of_midi_are_kept_inside() -> None:
    assert b"\x90\x7f\x7f" in midi_file([Note(0.0, 1.0, 200, 300)], {0: 0})
