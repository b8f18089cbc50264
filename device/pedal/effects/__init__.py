"""Effects, one a file. An effect is any object with

    process(buf)      change one block in place; allocate nothing. buf: array('f')
    reset()           back to the state after construction

and, where it has something to say,

    attach(rate_hz)   called once when it joins a rig; may refuse with ValueError
    atomic = True     process() either does all its work or raises before it touches buf:
                      the engine then needs no copy of the block to undo half a job
    native(buf)       (function, a, b): the one native call process(buf) would make. The engine
                      then makes it itself, which saves the method's 700 instructions; so a
                      subclass that has its own process() needs its own native(), too
    natives(buf)      a list of such calls, where one is not enough
    PARAMS, state     as effect.py says: knobs, oscillators and scenes then move its parameters
    send              a parameter 0..1, of effects that ring on when switched off: the engine then
                      closes their input and lets them play; kept_send is then what it was
    right             the second channel of a stereo effect, a memoryview of as many frames as the
                      longest block has; it must come last
    name, starts_off  where it has them: what the rig calls it, and whether it begins bypassed
    set_clock(frames) frames a beat of the rig's clock
    lighter(on)       play a cheaper version of itself, or not: on overload; False if it has none
"""
