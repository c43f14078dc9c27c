"""Files packed by compress (.Z): Lempel, Ziv and Welch's codes of growing width."""

__all__ = ["MAGIC", "unpack"]

#: What such files begin with.
MAGIC = b"\x1f\x9d"

#: Width of the first codes, and of the widest [bit].
NARROWEST, WIDEST = 9, 16

#: The code that empties the table, where the flag says that there is one.
CLEAR, HAS_CLEAR = 256, 0x80


def unpack(packed: bytes, limit: int) -> bytes:
    """Unpack what compress has packed.

    Nothing in such a file says where it ends, so that one cut short is not noticed.

    Args:
      packed: The file.
      limit: Number of bytes after which unpacking ends.

    Returns:
      Its content, a little longer than `limit` where it is longer.

    Raises:
      ValueError: If it is damaged.

    Source:
      Welch (1984), A technique for high-performance data compression, Computer 17(6),
      8-19, doi:10.1109/MC.1984.1659158.
    """
    flags = packed[2] if len(packed) > 2 else 0
    widest, clears = flags & 0x1F, bool(flags & HAS_CLEAR)
    if not packed.startswith(MAGIC) or not NARROWEST <= widest <= WIDEST:
        raise ValueError("no codes of 9 to 16 bits follow")
    widest = max(widest, NARROWEST + 1)  # compress itself takes 9 for 10
    content = bytearray()
    # A string is where it was written first: its begin and length in the content.
    strings: list[tuple[int, int]] = []
    first = CLEAR + clears
    place, origin, width, last = 24, 24, NARROWEST, None
    while place + width <= 8 * len(packed) and len(content) <= limit:
        word = int.from_bytes(packed[place // 8 : place // 8 + 3], "little")
        code = (word >> place % 8) & ((1 << width) - 1)
        place += width
        if clears and code == CLEAR:
            strings, last = [], None
            place, width = _aligned(place, origin, width), NARROWEST
            origin = place
            continue
        if last is not None and first + len(strings) < 1 << widest:
            strings.append((last[0], last[1] + 1))
        last = _append(content, code, strings, first)
        if first + len(strings) + 1 > 1 << width and width < widest:
            place = origin = _aligned(place, origin, width)
            width += 1
    return bytes(content)


def _aligned(place: int, origin: int, width: int) -> int:
    """The begin of the next eight codes, which are written together."""
    step = 8 * width
    return origin + -(-(place - origin) // step) * step


def _append(
    content: bytearray, code: int, strings: list[tuple[int, int]], first: int
) -> tuple[int, int]:
    """Write the string of a code, and say where."""
    begin = len(content)
    if code < CLEAR:
        content.append(code)
        return begin, 1
    if not 0 <= code - first < len(strings):
        raise ValueError("a code stands for nothing")
    start, length = strings[code - first]
    content += content[start : start + length]
    # The last string may end with the letter that it begins with, just written.
    if len(content) < begin + length:
        content.append(content[begin])
    return begin, length
