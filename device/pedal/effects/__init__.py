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
"""
