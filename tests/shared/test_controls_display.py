"""The display, on every target with framebuf: what arrives on its bus, and what that shows."""

from pedal.controls import Display, LoadPage, PresetPage, TunerPage
from test_controls import _Errors, _locked, _Player, _raises

try:
    import framebuf
except ImportError:
    framebuf = None  # CPython

_ARGUMENTS = {0xD5: 1, 0xA8: 1, 0xD3: 1, 0x8D: 1, 0x20: 1, 0xDA: 1, 0x81: 1, 0xD9: 1, 0xDB: 1}
_ARGUMENTS[0xAD] = 1


class _Bus:
    """An I2C bus with a display on it, that shows noise when it gets power."""

    def __init__(self, columns=128, first=0):
        self.columns, self.first = columns, first
        self.ram = [bytearray(b"\xa5" * columns) for _ in range(8)]
        self.on = False
        self.page = self.column = 0
        self.bytes = self.most = 0
        self.broken = False

    def writeto(self, address, buffer):
        if self.broken:
            raise OSError(19)
        assert address == 0x3C, address
        self.bytes += len(buffer)
        if buffer[0] == 0x40:
            row = self.ram[self.page]
            for at in range(1, len(buffer)):
                row[self.column] = buffer[at]
                self.column += 1
            self.most = max(self.most, len(buffer) - 1)
        else:
            assert buffer[0] == 0, buffer[0]
            self.commands(buffer)

    def commands(self, buffer):
        at = 1
        while at < len(buffer):
            command = buffer[at]
            if command < 0x10:
                self.column = self.column & 0xF0 | command
            elif command < 0x20:
                self.column = self.column & 0x0F | (command & 15) << 4
            elif 0xB0 <= command < 0xB8:
                self.page = command & 7
            elif command & 0xFE == 0xAE:
                self.on = command == 0xAF
            elif command == 0x20:
                assert buffer[at + 1] == 2, "page addressing"
            at += 1 + _ARGUMENTS.get(command, 0)

    def shown(self):
        return b"".join(bytes(row[self.first : self.first + 128]) for row in self.ram)


class _Text:
    """A page of one text."""

    def __init__(self, text="", row=0):
        self.text, self.row = text, row

    def look(self, everything):
        return 1 if everything else 0

    def draw(self, canvas, part):
        assert part == 0, part
        canvas.text(self.text, 0, self.row)


def _display(page=None, **options):
    bus = _Bus()
    display = Display(bus, page, **options)
    return bus, display, _Player(display)


def test_without_framebuf_the_error_says_what_is_missing():
    if not framebuf:
        _raises(lambda: Display(_Bus()), "framebuf", "firmware")


def test_both_controllers_show_the_canvas():
    if not framebuf:
        return
    for driver, columns, first in (("ssd1306", 128, 0), ("sh1106", 132, 2)):
        bus = _Bus(columns, first)
        display = Display(bus, _Text("upedal", 2), driver=driver)
        _Player(display).polls(300)
        assert bus.on
        assert bus.shown() == bytes(display.canvas.frame), driver
        assert any(display.canvas.frame)


def test_a_poll_sends_one_piece_and_only_what_changed():
    if not framebuf:
        return
    for piece in (8, 16, 128):
        bus, display, player = _display(_Text("one"), piece=piece)
        player.polls(1)  # switched on
        for _ in range(400):
            before = bus.bytes
            player.polls(1)
            assert bus.bytes - before <= piece + 5, bus.bytes - before
        assert bus.most == piece and bus.shown() == bytes(display.canvas.frame)
        quiet = bus.bytes
        player.polls(200)
        assert bus.bytes == quiet
        display.show(_Text("two"))  # three letters: 24 columns of one page
        player.polls(300)
        changed = bus.bytes - quiet
        pieces = -(-24 // piece)
        assert 0 < changed <= pieces * (piece + 5), (piece, changed)
        assert bus.shown() == bytes(display.canvas.frame)


def test_a_display_that_comes_late_or_goes_is_reported_once_and_found_again():
    if not framebuf:
        return
    bus, display, player = _display(_Text("here"))
    bus.broken = True
    with _Errors() as errors:
        player.ms(3900)
        assert len(errors) == 1 and display.faults == 2, (errors, display.faults)
        bus.broken = False
        player.ms(3000)
        assert bus.on and bus.shown() == bytes(display.canvas.frame)
        bus.broken = True
        display.show(_Text("gone"))
        player.ms(300)
        assert len(errors) == 2, errors
        bus.broken = False
        bus.ram = _Bus().ram  # it was without power
        player.ms(3000)
    assert len(errors) == 2 and bus.shown() == bytes(display.canvas.frame)


def test_large_letters_are_the_small_ones_enlarged():
    if not framebuf:
        return
    bus, display, player = _display()
    canvas = display.canvas
    for size in (2, 4):
        canvas.clear()
        canvas.prepare("aQ#7")
        for letter in range(4):
            canvas.large(letter, 8 * size * letter, 1, size)
        dots = framebuf.FrameBuffer(bytearray(128), 128, 8, framebuf.MONO_VLSB)
        dots.text("aQ#7", 0, 0)
        for y in range(64):
            inside = 8 <= y < 8 + 8 * size
            for x in range(128):
                expected = inside and x < 32 * size and dots.pixel(x // size, (y - 8) // size)
                assert canvas.dots.pixel(x, y) == expected, (size, x, y)


def test_nothing_is_drawn_beyond_the_edge():
    if not framebuf:
        return
    bus, display, player = _display()
    canvas = display.canvas
    canvas.text("a name that is much too long", 8, 7)
    canvas.prepare("a name that is much too long")
    canvas.large(15, 112, 6, 2)
    _raises(lambda: canvas.large(0, 100, 0, 4), "100", "edge")
    _raises(lambda: canvas.large(0, 0, 5, 4), "row 5", "edge")
    assert len(canvas.frame) == 1024


def test_show_while_another_page_is_drawn_and_show_nothing():
    if not framebuf:
        return
    bus, display, player = _display(PresetPage(lambda: "Clean", lambda: 1))
    plain = _Text("plain")
    for polls in range(60):
        display.show(PresetPage(lambda: "Clean", lambda: 1))
        player.polls(polls)
        display.show(plain)
        player.polls(200)
        alone = bytearray(1024)
        dots = framebuf.FrameBuffer(alone, 128, 64, framebuf.MONO_VLSB)
        dots.text("plain", 0, 0)
        assert bus.shown() == bytes(alone), polls
    display.show(None)
    player.polls(200)
    assert not any(bus.shown())


def test_numbers_fill_their_field_from_the_right():
    if not framebuf:
        return
    bus, display, player = _display()
    canvas = display.canvas
    for value, text in ((0, "  0"), (7, "  7"), (120, "120"), (1000, "999"), (-3, "  0")):
        canvas.clear()
        canvas.text(text, 16, 2)
        expected = bytes(canvas.frame)
        canvas.clear()
        canvas.number(value, 16, 2, 3)
        assert bytes(canvas.frame) == expected, value


def test_tuner_page_shows_note_cents_and_pointer():
    if not framebuf:
        return
    pitch = [6900]
    bus, display, player = _display(TunerPage(lambda: pitch[0]))
    player.ms(1000)
    dots = display.canvas.dots
    for heard, cents in ((6900, 0), (6912, 12), (6851, -49), (6850, -50), (4049, 49)):
        pitch[0] = heard
        player.ms(500)
        lit = [x for x in range(128) if dots.pixel(x, 55)]
        middle = lit[len(lit) // 2]
        assert len(lit) == 3 and abs(middle - 63 - cents * 1.2) <= 1, (heard, lit)
    assert bus.shown() == bytes(display.canvas.frame)
    pitch[0] = -1
    player.ms(500)
    assert not any(dots.pixel(x, 55) for x in range(128))


def test_preset_page_shows_short_names_large():
    if not framebuf:
        return
    name, number = ["Clean"], [7]
    bus, display, player = _display(PresetPage(lambda: name[0], lambda: number[0]))
    player.ms(1000)
    canvas, dots = display.canvas, display.canvas.dots
    rows = [y for y in range(64) if any(dots.pixel(x, y) for x in range(128))]
    assert rows[-1] >= 24 + 10, rows
    name[0] = "A name of many letters"
    player.ms(1000)
    rows = [y for y in range(16, 64) if any(dots.pixel(x, y) for x in range(128))]
    assert rows and rows[-1] < 32, rows
    assert bus.shown() == bytes(canvas.frame)


def test_load_page_draws_a_bar():
    if not framebuf:
        return
    load, lost = [0], [0]
    bus, display, player = _display(LoadPage(lambda: load[0], lambda: lost[0]))
    for load[0], dots in ((0, 0), (50, 62), (100, 124), (180, 124)):
        player.ms(1000)
        lit = sum(display.canvas.dots.pixel(x, 16) for x in range(2, 126))
        assert lit == dots, (load[0], lit)
    assert bus.shown() == bytes(display.canvas.frame)


def test_a_page_that_raises_is_reported_once_and_left():
    if not framebuf:
        return
    bus, display, player = _display(TunerPage(lambda: 1 // 0))
    with _Errors() as errors:
        player.ms(2000)
        assert len(errors) == 1, errors
        display.show(_Text("fine"))
        player.ms(1000)
    assert bus.shown() == bytes(display.canvas.frame)


def test_wrong_options_are_refused():
    if framebuf:
        _raises(lambda: Display(_Bus(), driver="ssd1309"), "ssd1309", "sh1106")
        _raises(lambda: Display(_Bus(), piece=100), "100", "128")


def test_pages_and_sending_allocate_nothing():
    if not framebuf:
        return
    values = [6900, 0]
    names = ("Clean", "Crunch", "Lead with delay")
    bus, display, player = _display()
    pages = (
        TunerPage(lambda: values[0]),
        PresetPage(lambda: names[values[1] % 3], lambda: values[1]),
        LoadPage(lambda: values[1], lambda: values[1]),
    )
    bus.writeto = display._write = lambda address, buffer: None
    player = _Player(display)

    def change():
        values[0] += 7
        values[1] += 1

    for page in pages:
        display.show(page)
        player.polls(100)
        _locked(player, 400)
        _locked(player, 400, change)
