"""What a rig consists of: its effects in order, their names, and where their parameters lie."""

from pedal.chain import Chain


def holder(part, effect):
    """What has `effect` in its effects: the rig, or a Chain somewhere in it."""
    for inner in getattr(part, "effects", ()):
        found = part if inner is effect else holder(inner, effect)
        if found:
            return found


def stereo(effects, block):
    """The effect with a second channel, or None; ValueError where it cannot be heard."""
    leaves, last = [], effects[-1] if effects else None
    while isinstance(last, Chain):
        last = last.effects[-1] if last.effects else None
    for effect in effects:
        leaves_of(effect, leaves, 1)
    for effect in leaves:
        right = getattr(effect, "right", None)
        if right is not None:
            if effect is not last:
                raise ValueError(
                    f"{type(effect).__name__} has two channels; expected it last in the rig"
                )
            if len(right) < block:
                raise ValueError(
                    f"block of {block}; expected at most {len(right)} where it is stereo"
                )
            return effect


def _check(effect, position):
    if hasattr(effect, "aim"):
        raise ValueError(
            f"effect {position} is {type(effect).__name__}, which moves parameters; "
            "expected it in rig.modulate()"
        )
    for method in ("process", "reset"):
        if not hasattr(effect, method):
            text = "effect {} is {}, which has no {}(); expected an effect such as Gain(db=6)"
            raise ValueError(text.format(position, repr(effect), method))


def leaves_of(effect, found, position):
    """The effects themselves, in order: a Chain is only its parts, a Split its parts and itself."""
    _check(effect, position)
    for part in getattr(effect, "effects", ()):
        leaves_of(part, found, position)
    if not isinstance(effect, Chain):
        if effect in found:
            raise ValueError(f"effect {position} is in the rig twice; make a second one")
        found.append(effect)


def latency(effects, off):
    """Frames from in to out; of branches, those of the longest. Effects in `off` are bypassed, and add none."""
    total = 0
    for effect in effects:
        if effect in off:
            continue
        branches = getattr(effect, "branches", None) or (effect,)
        total += max([_latency_of(branch, off) for branch in branches])
    return total


def _latency_of(effect, off):
    own = 0 if isinstance(effect, Chain) else getattr(effect, "latency", 0)
    return own + latency(getattr(effect, "effects", ()), off)


def named(leaves):
    names, taken = [], []
    for effect in leaves:
        base = name = getattr(effect, "name", None) or type(effect).__name__.lower()
        number = 2
        while name in taken:
            name = f"{base}{number}"
            number += 1
        taken.append(name)
        names.append((name, effect))
    return names


def places(names):
    """{"delay.mix": (effect, byte in its state, spec)}: a string made anew costs MicroPython 10,000 instructions."""
    found = {}
    for name, effect in names:
        for at, spec in enumerate(getattr(effect, "PARAMS", ())):
            found[f"{name}.{spec[0]}"] = (effect, 4 * at + 4, spec)
    return found
