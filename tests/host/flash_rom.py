"""A stand-in for the boot ROM of an ESP32-S3 or P4, on a TCP port: it speaks Espressif's serial protocol.

    with Rom() as rom:
        esptool --port rom.port ...

Packets are SLIP frames: direction u8, command u8, size u16, checksum or value u32, data; an answer's data ends with
four status bytes. What is not here is refused as a ROM refuses it. Like NOR flash, a byte can be written only where
it was erased: bits go from 1 to 0. (docs.espressif.com/projects/esptool, "Serial Protocol")
"""

import hashlib
import socket
import struct
import threading
import zlib

FLASH_BEGIN, FLASH_DATA, FLASH_END, MEM_BEGIN = 0x02, 0x03, 0x04, 0x05
MEM_END, MEM_DATA = 0x06, 0x07
SYNC, WRITE_REG, READ_REG, CHANGE_BAUD = 0x08, 0x09, 0x0A, 0x0F
SPI_SET_PARAMS, SPI_ATTACH, FLASH_MD5, SECURITY_INFO = 0x0B, 0x0D, 0x13, 0x14
DEFL_BEGIN, DEFL_DATA, DEFL_END, ERASE_FLASH = 0x10, 0x11, 0x12, 0xD0
ERASING = {FLASH_BEGIN, DEFL_BEGIN, ERASE_FLASH, 0xD1}
CHIPS = {9: 0x60002000, 18: 0x5008D000, 5: 0x60002000}  # number: base of its SPI flash controller


class Rom:
    """chip: number as in image headers (9: ESP32-S3, 18: P4, 5: C3). flash_bytes: a power of two. stub: whether it
    takes esptool's loader into its RAM; it then behaves as that one does.

    drop_after: blocks of flash data after which the line is cut; back: whether it can be connected again.
    `commands` are all commands in order, `flash` is the memory; `faults` is what a real ROM would have got wrong.
    """

    def __init__(
        self,
        chip=9,
        flash_bytes=8 << 20,
        drop_after=None,
        back=False,
        flags=0,
        silent=False,
        stub=False,
    ):
        self.chip, self.flags, self.silent = chip, flags, silent
        # What was there before: neither erased nor right.
        self.flash = bytearray(b"\x5a" * flash_bytes)
        self.size_id = flash_bytes.bit_length() - 1
        self.drop_after, self.back = drop_after, back
        self.commands, self.faults, self.registers = [], [], {}
        self.blocks, self.next, self.seq = 0, 0, 0
        self.stub, self.running = stub, False  # esptool's loader: may be loaded; is loaded

    def __enter__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = "socket://127.0.0.1:%d" % self.server.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error):
        self._hang_up()
        self.thread.join(10)
        assert not self.thread.is_alive()

    def _hang_up(self):
        try:
            self.server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it was not listening any more
        self.server.close()

    def _serve(self):
        while True:
            try:
                self.line, _ = self.server.accept()
            except OSError:
                return
            with self.line:
                try:
                    for frame in self._frames():
                        self._command(frame)
                except ConnectionError:
                    pass

    def _frames(self):
        frame, inside = bytearray(), False
        while data := self.line.recv(4096):
            for byte in data:
                if byte == 0xC0:
                    if inside and frame:
                        yield (
                            bytes(frame)
                            .replace(b"\xdb\xdc", b"\xc0")
                            .replace(b"\xdb\xdd", b"\xdb")
                        )
                    inside, frame = not (inside and frame), bytearray()
                elif inside:
                    frame.append(byte)

    def _answer(self, op, value=0, data=b"", error=0):
        status = struct.pack("<BBH", bool(error), error, 0)
        body = struct.pack("<BBHI", 1, op, len(data) + 4, value) + data + status
        body = body.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
        self.line.sendall(b"\xc0" + body + b"\xc0")

    def _command(self, frame):
        direction, op, size, check = struct.unpack_from("<BBHI", frame)
        data = frame[8:]
        if direction != 0 or size != len(data):
            self.faults.append(f"command {op:#x}: size {size}, {len(data)} bytes")
        self.commands.append(op)
        if self.silent:
            return
        do = {
            SYNC: self._sync, READ_REG: self._read, WRITE_REG: self._write, SECURITY_INFO: self._security,
            SPI_ATTACH: self._nod, SPI_SET_PARAMS: self._nod, FLASH_BEGIN: self._begin, FLASH_DATA: self._data,
            FLASH_MD5: self._md5, FLASH_END: self._nod,
        }.get(op)  # fmt: skip
        if self.stub:
            do = do or {
                MEM_BEGIN: self._nod, MEM_DATA: self._nod, MEM_END: self._start, CHANGE_BAUD: self._nod,
                DEFL_BEGIN: self._begin, DEFL_DATA: self._inflate, DEFL_END: self._nod, ERASE_FLASH: self._erase,
            }.get(op)  # fmt: skip
        if do is None:
            self._answer(op, error=0x06)
        else:
            do(op, data, check)

    def _nod(self, op, data, check):
        self._answer(op)

    def _start(self, op, data, check):
        self._answer(op)
        self.running = True
        self.line.sendall(b"\xc0OHAI\xc0")

    def _sync(self, op, data, check):
        if data != b"\x07\x07\x12\x20" + b"\x55" * 32:
            self.faults.append("SYNC: wrong pattern")
        for _ in range(8):
            self._answer(op, value=0x20120707)

    def _security(self, op, data, check):
        self._answer(op, data=struct.pack("<IB7sII", self.flags, 0, bytes(7), self.chip, 0))

    def _read(self, op, data, check):
        (address,) = struct.unpack("<I", data)
        self._answer(op, value=self.registers.get(address, 0))

    def _write(self, op, data, check):
        for address, value, _mask, _delay in struct.iter_unpack("<4I", data):
            self.registers[address] = value
        base = CHIPS[self.chip]
        if (
            self.registers.get(base, 0) & 1 << 18
        ):  # the controller is to run a command of the flash chip
            self.registers[base] = 0
            command = self.registers.get(base + 0x20, 0) & 0xFF
            answers = {0x9F: 0xEF | 0x40 << 8 | self.size_id << 16, 0x5A: 0x50444653}
            self.registers[base + 0x58] = answers.get(command, 0)
        self._answer(op)

    def _begin(self, op, data, check):
        erase, blocks, size, offset, _encrypted = struct.unpack("<5I", data)
        if offset % 0x1000:
            self.faults.append(f"FLASH_BEGIN: {offset:#x} is no sector")
        end = offset + -(-erase // 0x1000) * 0x1000
        self.flash[offset:end] = b"\xff" * (end - offset)
        self.next, self.seq = offset, 0
        self._answer(op)

    def _erase(self, op, data, check):
        self.flash[:] = b"\xff" * len(self.flash)
        self._answer(op)

    def _data(self, op, data, check):
        if block := self._block(op, data, check):
            self._store(block)
            self._answer(op)

    def _inflate(self, op, data, check):
        if block := self._block(op, data, check):
            self.unzip = zlib.decompressobj() if self.seq == 1 else self.unzip
            self._store(self.unzip.decompress(block))
            self._answer(op)

    def _block(self, op, data, check):
        """The data of a block, or None where it is not as announced; the line goes when it is time."""
        size, seq, _, _ = struct.unpack_from("<4I", data)
        block, total = data[16:], 0xEF
        for byte in block:
            total ^= byte
        if total != check or len(block) != size or seq != self.seq:
            self.faults.append(f"block {seq}, expected {self.seq}, or its checksum")
            self._answer(op, error=0x07)
            return None
        self.seq, self.blocks = seq + 1, self.blocks + 1
        if self.blocks == self.drop_after:
            if not self.back:
                self._hang_up()
            self.line.shutdown(socket.SHUT_RDWR)
            raise ConnectionError
        return block

    def _store(self, block):
        end = self.next + len(block)
        self.flash[self.next : end] = bytes(
            a & b for a, b in zip(self.flash[self.next : end], block)
        )
        self.next = end

    def _md5(self, op, data, check):
        at, size, _, _ = struct.unpack("<4I", data)
        found = hashlib.md5(self.flash[at : at + size])
        self._answer(op, data=found.digest() if self.running else found.hexdigest().encode())
