"""Numbers that must come out the same on every target, whatever its float arithmetic."""

_FRACTION = 56  # bits behind the point
_ONE = 1 << _FRACTION
_LOG2_PER_MILLIBEL = 11968507304229  # log2(10) / 20000, times 2^56
_LN2 = 49946518145322874  # times 2^56


def gain_bits(db):
    """The float32 nearest to 10^(db / 20), as its bits.

    db is taken to 0.001 dB; -inf gives 0. In integers, because powf of a 32-bit target and pow of
    a 64-bit one differ in the last bit, and the simulator must play what the pedal plays.
    """
    if db == float("-inf"):
        return 0
    if not -150 <= db <= 150:
        raise ValueError(f"gain of {db} dB; expected -150 to 150, or -inf")
    exponent = round(db * 1000) * _LOG2_PER_MILLIBEL
    power = (exponent & (_ONE - 1)) * _LN2 >> _FRACTION
    total = term = _ONE
    n = 1
    while term:  # exp(power) = 1 + power + power^2 / 2! + ...
        term = (term * power >> _FRACTION) // n
        total += term
        n += 1
    mantissa = (total + (1 << 32)) >> 33  # 24 bits, rounded
    return (((exponent >> _FRACTION) + 126) << 23) + mantissa
