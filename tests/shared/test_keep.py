"""Settings and the log: whatever lies in their files, a pedal starts and can go on."""

import os
import struct
from binascii import crc32

from pedal.keep import Keep
from pedal.log import Log

BLOCK = 2400  # frames


def _clear(path):
    for end in (".a", ".b", ".0", ".1"):
        try:
            os.remove(path + end)
        except OSError:
            pass
    return path


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def _raises(kind, words, function, *args):
    try:
        function(*args)
    except kind as error:
        for word in words:
            assert word in str(error), (word, str(error))
        return
    raise AssertionError(f"{args} was accepted")


def _slot(text, sequence=1, length=None, magic=b"UPK1"):
    """A file with a right CRC, whatever it holds."""
    length = len(text) if length is None else length
    crc = crc32(struct.pack("<II", sequence, length), crc32(text))
    return magic + struct.pack("<III", sequence, length, crc) + text


# ---- settings ----


def test_settings_come_back_as_they_were():
    path = _clear("kept")
    values = Keep(path)
    assert values.loaded_from is None and values.note == "" and values.keys() == []
    kept = {
        "preset 1": {"name": "é ▲", "values": [0.5, -3, 1.25], "on": [True, False]},
        "at": None,
    }
    for key in kept:
        values[key] = kept[key]
    assert values.save() == 512
    again = Keep(path)
    assert again.loaded_from == "kept.a" and again.note == ""
    assert {key: again[key] for key in again.keys()} == kept
    assert "at" in again and "absent" not in again and again.get("absent", 7) == 7


def test_defaults_hold_for_what_was_never_saved():
    path = _clear("kept")
    default = {"drive": [1, 2], "level": 3}
    values = Keep(path, default)
    values["drive"].append(9)
    assert default["drive"] == [1, 2], "the caller's default was changed"
    values["level"] = 4
    values.save()
    again = Keep(path, {"level": 0, "tone": 5})
    assert [again[key] for key in again.keys()] == [[1, 2, 9], 4, 5]


def test_only_changes_are_written_and_by_turns():
    path = _clear("kept")
    values = Keep(path)
    values["n"] = [0]
    assert values.save() and values.save() == 0
    first = _read("kept.a")
    values["n"].append(1)
    assert values.save() == 512 and _read("kept.a") == first
    assert Keep(path)["n"] == [0, 1] and Keep(path).save() == 0
    del values["n"]
    assert values.save() == 512 and _read("kept.a") != first and Keep(path).keys() == []


def test_a_shorter_save_over_a_longer_one_counts():
    path = _clear("kept")
    values = Keep(path)
    for length in (3000, 10, 2000, 0, 500, 480, 490):
        values["text"] = "x" * length
        values.save()
        assert Keep(path)["text"] == "x" * length
    assert os.stat("kept.a")[6] % 512 == 0


def test_any_damaged_byte_gives_the_last_settings_but_one():
    path = _clear("kept")
    values = Keep(path)
    for number in (1, 2):
        values["number"] = number
        values.save()
    whole = _read("kept.b")
    used = whole.index(b"}") + 1
    for at in range(used):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        _write("kept.b", damaged)
        found = Keep(path)
        assert found["number"] == 1 and found.loaded_from == "kept.a", at
        if not 4 <= at < 8:  # the count, by which a file may look older than the other
            assert found.note.startswith("kept.b: ") and "expected" in found.note, found.note
        _write("kept.b", whole[:at])
        found = Keep(path)
        assert found["number"] == 1 and found.note.startswith("kept.b: "), at
    found["number"] = 3
    found.save()
    assert Keep(path)["number"] == 3 and Keep(path).note == ""


def test_hostile_and_foreign_files_give_the_default_and_a_note():
    contents = (
        b"",
        b"UPK1",
        b"\xff" * 4096,
        b"# a script\n" * 2000,
        _slot(b"{}", magic=b"UPK9"),
        _slot(b"{}", length=0xFFFFFFFF),
        _slot(b"{}", length=16385),
        _slot(b"{}", length=3),
        _slot(b"[1]"),
        _slot(b"7"),
        _slot(b""),
        _slot(b"{"),
        _slot(b'{"a":\xff\xfe}'),
        _slot(b'{"\xff\xfe":1}'),
        _slot(b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}"),
        _slot(b'{"a":' * 20 + b"1" + b"}" * 20),
    )
    for content in contents:
        path = _clear("kept")
        _write("kept.a", content)
        _write("kept.b", content)
        values = Keep(path, {"a": 5})
        assert values["a"] == 5 and values.loaded_from is None, content[:40]
        assert values.note.startswith("kept.") and "; kept." in values.note, content[:40]
        values["a"] = 6
        values.save()
        assert Keep(path)["a"] == 6, content[:40]


def test_a_folder_in_a_file_s_place_is_no_reason_not_to_start():
    path = _clear("kept")
    os.mkdir("kept.a")
    try:
        values = Keep(path, {"a": 5})
        assert values["a"] == 5 and values.note.startswith("kept.a: OSError") or os.stat("kept.a")
    finally:
        os.rmdir("kept.a")


def test_the_count_of_saves_may_wrap():
    path = _clear("kept")
    _write("kept.a", _slot(b'{"n":1}', 0xFFFFFFFF))
    values = Keep(path)
    values["n"] = 2
    values.save()
    assert Keep(path)["n"] == 2 and Keep(path).loaded_from == "kept.b"
    values["n"] = 3
    values.save()
    assert Keep(path)["n"] == 3 and Keep(path).loaded_from == "kept.a"


def test_what_json_does_not_give_back_is_refused():
    values = Keep(_clear("kept"))
    endless = []
    endless.append(endless)
    nan, inf = float("nan"), float("inf")
    for value in (nan, inf, [-inf], (1, 2), b"x", {1: 2}, {"a": [object()]}, endless, len):
        _raises(
            ValueError, ["nested" if value is endless else "expected"], values_set, values, value
        )
    _raises(ValueError, ["name 3; expected a str"], values.__setitem__, 3, 1)
    values["list"] = []
    values["list"].append(nan)
    _raises(ValueError, ["list: nan; expected a finite number"], values.save)


def values_set(values, value):
    values["key"] = value


def test_settings_that_are_too_long_are_refused_and_the_last_save_stands():
    path = _clear("kept")
    values = Keep(path, limit_bytes=1000)
    values["a"] = 1
    values.save()
    values["b"] = "x" * 1000
    _raises(ValueError, ["kept: ", "expected 1000 at most"], values.save)
    assert Keep(path).keys() == ["a"]
    values["b"] = "x" * (1000 - len('{"a":1,"b":""}'))
    assert values.save() == 1024
    assert Keep(path, limit_bytes=1000).keys() == ["a", "b"]


def test_where_nothing_can_be_written_save_says_so():
    values = Keep("no_such_folder/kept", {"a": 1})
    assert values["a"] == 1 and values.loaded_from is None
    _raises(OSError, [], values.save)


def test_a_save_in_steps_writes_what_save_writes_512_bytes_at_a_time():
    path = _clear("kept")
    values = Keep(path)
    for number in range(8):
        values[f"preset {number}"] = "x" * 300
    steps = list(values.saver())
    assert max(steps) == 512 and sum(steps) == 2560 and len(steps) == 8 + 5, steps
    assert Keep(path).keys() == values.keys()
    stepped = _read("kept.a")
    whole = Keep(_clear("other"))
    for key in values.keys():
        whole[key] = values[key]
    whole.save()
    assert _read("other.a") == stepped
    assert list(values.saver()) == [0] * 8, "unchanged settings were written"


def test_a_value_set_during_a_save_is_saved_with_all_others_of_its_time():
    for when in range(6):
        path = _clear("kept")
        values = Keep(path)
        for key in "abcd":
            values[key] = 1
        step = 0
        for _ in values.saver():
            if step == when:
                values["a"] = values["d"] = 2
            step += 1
        found = Keep(path)
        pair = (found["a"], found["d"])
        assert pair == ((2, 2) if when < 4 else (1, 1)), (when, pair)
        values.save()
        assert Keep(path)["a"] == (2 if when < step else 1)


def test_a_save_that_is_left_or_begun_anew_harms_nothing():
    path = _clear("kept")
    values = Keep(path)
    values["n"] = "1" * 2000
    values.save()
    for steps in range(5):
        values["n"] = str(steps) * 2000
        saver = values.saver()
        for _ in range(steps):
            next(saver)
        saver.close()
        assert Keep(path)["n"] == "1" * 2000, steps
    saver = values.saver()
    next(saver)
    values.save()
    assert list(saver) == [] and Keep(path)["n"] == "4" * 2000


# ---- the log ----


def _fail():
    raise KeyError("where")


def test_events_come_back_in_order_with_their_time():
    log = Log(_clear("log"))
    assert log.read() == [] and log.write() == 0
    log.note("started")
    log.note("xrun", 480)
    log.write()
    assert log.read() == ["1 - started", "2 480 xrun"]
    log.note("next")
    log.write()
    again = Log("log")
    again.note("after power-on\n", 5)
    again.write()
    assert again.read()[2:] == ["3 - next", "4 5 after power-on?"]


def test_an_exception_is_named_with_its_place():
    log = Log(_clear("log"))
    try:
        _fail()
    except KeyError as error:
        log.note(error, 9)
    log.write()
    line = log.read()[0]
    assert line.startswith("1 9 ") and "KeyError: " in line and "where" in line, line
    assert "test_keep" in line and "in _fail" in line, line


def test_the_same_event_is_counted_not_repeated():
    log = Log(_clear("log"))
    for now in range(1000):
        log.note("again", now)
    log.note("other", 1000)
    log.write()
    assert log.read() == ["1 0 again (1000 times)", "2 1000 other"]
    for _ in range(3):
        log.note("other")
        log.note(KeyError(1))
        log.note(KeyError(1))
    log.write()
    assert [line.split(" ", 2)[2] for line in log.read()[2:]] == [
        "other",
        "KeyError: 1 (2 times)",
        "other",
    ]
    log.write()
    assert len(log.read()) == 8


def test_a_fault_in_every_block_is_written_ever_more_seldom():
    log = Log(_clear("log"), 100000)
    writes = []
    for block in range(200 * 48000 // BLOCK):  # 200 seconds
        log.note("fault", block * BLOCK)
        if log.write(block * BLOCK):
            writes.append(block * BLOCK // 48000)
    assert writes == [0, 1, 3, 7, 15, 31, 63, 127], writes
    times = sum([int(line.split("(")[1].split(" ")[0]) for line in log.read() if "(" in line])
    assert times + 1 == 127 * 48000 // BLOCK + 1, times
    later = 200 * 48000 + 300 * 48000
    log.note("quiet since", later)
    assert log.write(later) > 0
    log.note("one", later + 1)
    assert log.write(later + 47999) == 0 and log.write(later + 48000) > 0, (
        "not as new after a rest"
    )


def test_time_may_wrap():
    log = Log(_clear("log"))
    log.note("a", 0x3FFFFFFF)
    assert log.write(0x3FFFFFFF)
    log.note("b", 10)
    assert log.write(10) == 0 and log.write(48000) > 0


def test_what_waits_is_bounded_and_the_rest_is_counted():
    log = Log(_clear("log"))
    for number in range(100):
        log.note(f"event {number}")
    while log.write():
        pass
    lines = log.read()
    assert lines[:8] == [f"{n + 1} - event {n}" for n in range(8)]
    assert "92 events lost" in lines[-1] and len(lines) == 9, lines
    log.note("x" * 5000)
    assert log.write() < 160


def test_two_files_hold_the_last_events_and_no_more():
    log = Log(_clear("log"), 500)
    for number in range(100):
        log.note(f"event {number}")
        log.write()
        assert os.stat("log.0")[6] <= 500
        if number == 50:
            log = Log("log", 500)
    assert os.stat("log.1")[6] <= 500
    numbers = [int(line.split(" ")[0]) for line in log.read()]
    assert numbers == list(range(101 - len(numbers), 101)) and len(numbers) > 15, numbers
    assert Log("log", 500).read() == log.read()


def test_a_torn_last_line_is_skipped_and_the_next_one_is_whole():
    log = Log(_clear("log"))
    for text in ("one", "two"):
        log.note(text)
        log.write()
    whole = _read("log.0")
    start = whole.index(b"\n") + 1
    for end in range(start, len(whole)):
        _write("log.0", whole[:end])
        log = Log("log")
        kept = log.read()
        # Without its line feed alone, the line is whole.
        assert kept == ["1 - one", "2 - two"][: 2 if end == len(whole) - 1 else 1], end
        log.note("next")
        log.write()
        assert log.read() == kept + [f"{len(kept) + 1} - next"], end


def test_foreign_log_files_are_no_reason_not_to_start():
    for content in (
        b"\xff" * 999,
        b"1 2 three\n",
        b" *0000\n" * 3,
        b"\n" * 20000,
        b"\xff *ffff\n",
    ):
        _clear("log")
        _write("log.0", content)
        _write("log.1", content)
        log = Log("log", 1000)
        log.note("here")
        assert log.write() and "here" in log.read()[-1], content[:20]


def test_a_full_disk_stops_no_audio():
    log = Log("no_such_folder/log")
    log.note("a")
    assert log.write() == 0 and "no_such_folder/log.0: " in log.error
    assert log.read() == []
