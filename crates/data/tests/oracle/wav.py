"""Writes the .wav fixtures: python3 wav.py (into the folder fixtures).

PCM comes from the module wave of Python's library; floating point and extensible files are put together by hand from
the RIFF specification. Frame i of channel c is (i - 8) / 8 (1 - c / 2), clipped to what the format holds.
"""

import pathlib
import struct
import wave

out = pathlib.Path(__file__).parent.parent / "fixtures"
frames = [[(i - 8) / 8 * (1 - c / 2) for c in range(2)] for i in range(17)]


def pcm(bits):
    data = b""
    for x in (x for frame in frames for x in frame):
        value = min(round(x * 2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        data += bytes([value + 128]) if bits == 8 else value.to_bytes(bits // 8, "little", signed=True)
    return data


for bits in [8, 16, 24, 32]:
    with wave.open(str(out / f"pcm{bits}.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(bits // 8)
        file.setframerate(8000)
        file.writeframes(pcm(bits))


def chunk(name, body):
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def riff(*chunks):
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def fmt(tag, bits, more=b""):
    size = bits // 8 * 2
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, 2, 8000, 8000 * size, size, bits) + more)


flat = [x for frame in frames for x in frame]
float32, float64 = struct.pack("<34f", *flat), struct.pack("<34d", *flat)
odd = chunk(b"LIST", b"odd")
guid = bytes.fromhex("0000000010008000 00aa00389b71".replace(" ", ""))
extensible = struct.pack("<HHIH", 22, 24, 3, 1) + guid
(out / "float32.wav").write_bytes(riff(fmt(3, 32, b"\0\0"), odd, chunk(b"fact", b"\x11\0\0\0"), chunk(b"data", float32)))
(out / "float64.wav").write_bytes(riff(odd, fmt(3, 64), chunk(b"data", float64), odd))
(out / "extensible24.wav").write_bytes(riff(fmt(0xFFFE, 24, extensible), odd, chunk(b"data", pcm(24)), odd))
