// SPDX-License-Identifier: MIT
// Looper; see up_looper.h.
#include "up_looper.h"

#define LOOPER_CONTROL 64u   // frames between two looks at command and parameters
#define LOOPER_SCALE 16384.0f
#define LOOPER_FADE_S 0.005f // of levels, linear
#define LOOPER_SWAP 256u     // frames from one layer to the other
#define LOOPER_CATCH 8u      // times as fast a lap is copied when nothing is heard

static int16_t *looper_layer(up_looper_t *self, uint32_t layer) {
    return (int16_t *)(self + 1) + (layer < self->layers ? layer : 0) * self->most;
}

static int32_t looper_whole(float x) {
    float y = x * LOOPER_SCALE;
    if ((up_bits(y) & 0x7fffffffu) < 0x46fffe00u) { // below 32767
        return (int32_t)(y + 32768.5f) - 32768;
    }
    return y > 0.0f ? 32767 : y < 0.0f ? -32768 : 0;
}

static inline int16_t looper_clip(int32_t v) {
    return (int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v);
}

static void looper_slew(up_glide_t *level, float to, float rate_hz) {
    float most = (float)LOOPER_CONTROL / (rate_hz * LOOPER_FADE_S), way = to - up_limit(level->now, 0.0f, 4.0f);
    level->now = way < 1e-6f && way > -1e-6f ? to : to - way;
    level->step = level->now == to ? 0.0f : up_limit(way, -most, most) * (1.0f / (float)LOOPER_CONTROL);
}

static void looper_begin(up_looper_t *self) {
    self->status = UP_LOOPER_RECORDING;
    self->length = self->position = self->layer = self->undoable = 0;
}

static void looper_finish(up_looper_t *self, uint32_t status) {
    self->status = status;
    self->position = self->lap = self->session = self->half = self->back = self->odd = self->swap = 0;
    self->seam = UP_LOOPER_SEAM;
}

static void looper_overdub(up_looper_t *self) {
    self->status = UP_LOOPER_OVERDUBBING;
    if (!self->lap && !self->session) {
        self->lap = self->layers > 1 ? self->length : 0;
        self->session = 1;
        self->undoable = 0;
    }
}

static void looper_undo(up_looper_t *self) {
    self->status = self->status == UP_LOOPER_OVERDUBBING ? UP_LOOPER_PLAYING : self->status;
    self->dub.now = self->dub.step = 0.0f;
    self->session = 0;
    if (self->lap) {
        self->lap = 0; // what was copied so far has not been heard
    } else if (self->undoable) {
        self->layer ^= 1;
        self->swap = LOOPER_SWAP;
    }
}

static void looper_erase(up_looper_t *self, uint32_t later) {
    self->status = UP_LOOPER_EMPTY;
    self->later = later;
}

static uint32_t looper_tap(uint32_t status) {
    uint32_t other = status == UP_LOOPER_PLAYING ? UP_LOOPER_DUB : UP_LOOPER_PLAY;
    return status == UP_LOOPER_EMPTY ? UP_LOOPER_RECORD : other;
}

// Ends a recording, which has a least length, by a command.
static void looper_end(up_looper_t *self, uint32_t command) {
    if (command == UP_LOOPER_UNDO || command == UP_LOOPER_CLEAR) {
        looper_erase(self, 0);
    } else if (command != UP_LOOPER_RECORD) {
        if (self->length < UP_LOOPER_LEAST) {
            self->later = command;
            return;
        }
        looper_finish(self, command == UP_LOOPER_STOP ? UP_LOOPER_STOPPED : UP_LOOPER_PLAYING);
        if (command == UP_LOOPER_DUB) {
            looper_overdub(self);
        }
    }
}

static void looper_obey(up_looper_t *self, uint32_t command) {
    command = command == UP_LOOPER_TAP ? looper_tap(self->status) : command;
    if (self->status == UP_LOOPER_RECORDING) {
        looper_end(self, command);
    } else if (command == UP_LOOPER_RECORD) {
        looper_erase(self, command);
    } else if (command == UP_LOOPER_CLEAR) {
        looper_erase(self, 0);
    } else if (self->status == UP_LOOPER_EMPTY) {
        return;
    } else if (command == UP_LOOPER_PLAY) {
        self->status = UP_LOOPER_PLAYING;
    } else if (command == UP_LOOPER_STOP) {
        self->status = UP_LOOPER_STOPPED;
    } else if (command == UP_LOOPER_DUB) {
        looper_overdub(self);
    } else if (command == UP_LOOPER_UNDO) {
        looper_undo(self);
    }
}

// Anything may stand in the state: what is not possible becomes empty.
static void looper_check(up_looper_t *self) {
    bool fine = self->status <= UP_LOOPER_STOPPED && self->length <= self->most;
    fine &= self->status == UP_LOOPER_RECORDING || self->length >= UP_LOOPER_LEAST;
    if (!fine) {
        self->status = UP_LOOPER_EMPTY;
        self->length = 0;
    }
    self->layer = self->layer < self->layers ? self->layer : 0;
    self->position = self->position < self->length ? self->position : 0;
    self->lap = self->lap <= self->length && self->layers > 1 ? self->lap : 0;
    self->seam = self->seam <= UP_LOOPER_SEAM && self->length >= UP_LOOPER_LEAST ? self->seam : 0;
    self->swap = self->swap <= LOOPER_SWAP && self->layers > 1 ? self->swap : 0;
    self->half = self->half != 0;
    self->back = self->back != 0;
    self->odd = self->half && self->odd;
    self->undoable = self->layers > 1 ? self->undoable : 0;
    self->held = up_clean(self->held);
}

// All silent: an erased loop goes, a stopped one goes back to its start.
static void looper_still(up_looper_t *self) {
    if (self->status == UP_LOOPER_EMPTY) {
        self->length = self->position = self->lap = self->seam = self->session = 0;
        if (self->later == UP_LOOPER_RECORD) {
            self->later = 0;
            looper_begin(self);
        }
    } else if (self->status == UP_LOOPER_STOPPED && !self->lap && !self->seam) {
        self->position = self->odd = 0;
    }
}

static void looper_control(up_looper_t *self) {
    float rate_hz = up_limit(self->rate_hz, 1000.0f, 1e6f);
    uint32_t command = (uint32_t)up_limit(self->command + 0.5f, 0.0f, 255.0f);
    self->command = 0.0f;
    if (command) {
        self->later = 0;
        looper_obey(self, command);
    } else if (self->later && self->status == UP_LOOPER_RECORDING && self->length >= UP_LOOPER_LEAST) {
        uint32_t later = self->later;
        self->later = 0;
        looper_obey(self, later);
    }
    bool plays = self->status == UP_LOOPER_PLAYING || self->status == UP_LOOPER_OVERDUBBING;
    looper_slew(&self->heard, plays ? up_limit(self->level, 0.0f, 2.0f) : 0.0f, rate_hz);
    looper_slew(&self->dub, self->status == UP_LOOPER_OVERDUBBING ? 1.0f : 0.0f, rate_hz);
    if (self->dub.now == 0.0f && self->dub.step == 0.0f && !self->lap) {
        self->session = 0;
    }
    if (self->heard.now == 0.0f && self->heard.step == 0.0f) {
        looper_still(self);
    }
    if (!self->seam && !self->lap && !self->session && !self->odd) { // a lap goes one way
        self->back = self->direction > 0.5f;
    }
    if (!self->seam && !self->odd) {
        self->half = self->speed > 0.5f;
    }
}

static void looper_record(up_looper_t *self, const float *x, size_t n) {
    int16_t *to = looper_layer(self, 0) + self->length;
    for (size_t t = 0; t < n; t++) {
        to[t] = looper_clip(looper_whole(x[t]));
    }
    self->length += (uint32_t)n;
    if (self->length == self->most) {
        looper_finish(self, UP_LOOPER_PLAYING);
    }
}

static void looper_lapped(up_looper_t *self, uint32_t n) {
    if (self->lap) {
        self->lap -= n;
        if (self->lap == 0) {
            self->layer ^= 1;
            self->undoable = 1;
        }
    }
}

// Forwards at full speed, n frames before the loop's end and the lap's.
static void looper_plain(up_looper_t *self, float *x, size_t n) {
    const int16_t *from = looper_layer(self, self->layer) + self->position;
    int16_t *to = looper_layer(self, self->lap ? self->layer ^ 1 : self->layer) + self->position;
    float heard = self->heard.now * (1.0f / LOOPER_SCALE), step = self->heard.step * (1.0f / LOOPER_SCALE);
    if (self->lap || self->session) {
        float dub = self->dub.now;
        for (size_t t = 0; t < n; t++) {
            int32_t now = from[t];
            heard += step;
            dub += self->dub.step;
            to[t] = looper_clip(now + looper_whole(dub * x[t]));
            x[t] = up_fma(heard, (float)now, x[t]);
        }
        self->dub.now = dub;
    } else {
        for (size_t t = 0; t < n; t++) {
            heard += step;
            x[t] = up_fma(heard, (float)from[t], x[t]);
        }
    }
    self->heard.now = heard * LOOPER_SCALE;
    self->position += (uint32_t)n;
    self->position -= self->position >= self->length ? self->length : 0;
    looper_lapped(self, (uint32_t)n);
}

// The frame `steps` on in the direction of play, -1..2.
static uint32_t looper_near(const up_looper_t *self, int32_t steps) {
    int32_t at = (int32_t)self->position + (self->back ? -steps : steps), length = (int32_t)self->length;
    return (uint32_t)(at < 0 ? at + length : at >= length ? at - length : at);
}

// The loop here, or halfway to the next frame: (-1, 9, 9, -1) / 16.
static float looper_value(const up_looper_t *self, const int16_t *layer) {
    if (!self->odd) {
        return (float)layer[self->position];
    }
    int32_t inner = layer[self->position] + layer[looper_near(self, 1)];
    int32_t outer = layer[looper_near(self, -1)] + layer[looper_near(self, 2)];
    return (float)(9 * inner - outer) * (1.0f / 16.0f);
}

static void looper_seam(up_looper_t *self, int16_t *layer, float x) {
    float late = (float)self->seam * (1.0f / (float)UP_LOOPER_SEAM), now = (float)layer[self->position];
    float tail = (float)looper_clip(looper_whole(x));
    layer[self->position] = looper_clip(looper_whole(up_fma(late, tail - now, now) * (1.0f / LOOPER_SCALE)));
    self->seam--;
}

// One frame of anything: seams, layers that change, half speed, backwards.
static void looper_frame(up_looper_t *self, float *x) {
    int16_t *layer = looper_layer(self, self->layer), *other = looper_layer(self, self->layer ^ 1);
    if (self->seam) {
        looper_seam(self, layer, *x);
    }
    float value = looper_value(self, layer), in = *x;
    if (self->swap) {
        float before = looper_value(self, other);
        value = up_fma((float)self->swap * (1.0f / (float)LOOPER_SWAP), before - value, value);
        self->swap--;
    }
    self->heard.now += self->heard.step;
    self->dub.now += self->dub.step;
    *x = up_fma(self->heard.now * (1.0f / LOOPER_SCALE), value, in);
    if (self->half && !self->odd) {
        self->odd = 1;
        self->held = up_clean(in);
        return;
    }
    float mean = self->odd ? 0.5f * (self->held + in) : in;
    if (self->lap || self->session) {
        int16_t *to = self->lap ? other : layer;
        to[self->position] = looper_clip(layer[self->position] + looper_whole(self->dub.now * mean));
    }
    self->odd = 0;
    self->position = looper_near(self, 1);
    looper_lapped(self, 1);
}

// Half speed or backwards far from the loop's ends, where no place needs looking up: at most n frames.
static size_t looper_strip(up_looper_t *self, float *x, size_t n) {
    int32_t way = self->back ? -1 : 1, at = (int32_t)self->position;
    int32_t places = self->back ? at - 2 : (int32_t)self->length - 3 - at;
    places = self->lap && (int32_t)self->lap < places ? (int32_t)self->lap : places;
    if (places < 1 || at < 1 || at > (int32_t)self->length - 2 || self->seam || self->swap) {
        return 0;
    }
    size_t odd = self->odd, frames = self->half ? 2 * (size_t)places - odd : (size_t)places;
    const int16_t *from = looper_layer(self, self->layer) + at;
    int16_t *to = looper_layer(self, self->lap ? self->layer ^ 1 : self->layer) + at;
    bool dubs = self->lap || self->session, half = self->half;
    float heard = self->heard.now, dub = self->dub.now, held = self->held;
    n = n < frames ? n : frames;
    for (size_t t = 0; t < n; t++) {
        int32_t here = from[0];
        float value = (float)here, in = x[t];
        heard += self->heard.step;
        dub += self->dub.step;
        if (odd) {
            value = (float)(9 * (here + from[way]) - from[-way] - from[2 * way]) * (1.0f / 16.0f);
        }
        x[t] = up_fma(heard * (1.0f / LOOPER_SCALE), value, in);
        if (half && !odd) {
            odd = 1;
            held = up_clean(in);
            continue;
        }
        if (dubs) {
            to[0] = looper_clip(here + looper_whole(dub * (odd ? 0.5f * (held + in) : in)));
        }
        odd = 0;
        from += way;
        to += way;
    }
    uint32_t passed = (uint32_t)(way * (int32_t)(from - looper_layer(self, self->layer) - at));
    self->position = (uint32_t)(at + way * (int32_t)passed);
    self->odd = (uint32_t)odd;
    self->heard.now = heard;
    self->dub.now = dub;
    self->held = held;
    if (passed) {
        looper_lapped(self, passed);
    }
    return n;
}

// Copies the rest of a lap that nobody hears.
static void looper_catch_up(up_looper_t *self, size_t n) {
    for (uint32_t m = (uint32_t)n * LOOPER_CATCH; m && self->lap; m--) {
        looper_layer(self, self->layer ^ 1)[self->position] = looper_layer(self, self->layer)[self->position];
        self->position = looper_near(self, 1);
        looper_lapped(self, 1);
    }
}

static size_t looper_least(size_t a, size_t b) {
    return a < b ? a : b;
}

static bool looper_special(const up_looper_t *self) {
    return (self->seam | self->swap | self->half | self->odd | self->back) != 0;
}

static void looper_run(up_looper_t *self, float *x, size_t n) {
    while (n) {
        size_t m = n;
        bool silent = self->heard.now == 0.0f && self->heard.step == 0.0f && !self->seam;
        silent &= self->dub.now == 0.0f && self->dub.step == 0.0f;
        silent &= self->status != UP_LOOPER_PLAYING && self->status != UP_LOOPER_OVERDUBBING;
        if (self->status == UP_LOOPER_RECORDING) {
            m = looper_least(n, self->most - self->length);
            looper_record(self, x, m);
        } else if (self->length < UP_LOOPER_LEAST) { // empty
            self->heard.now = self->heard.step = self->dub.now = self->dub.step = 0.0f;
            return;
        } else if (silent) {
            looper_catch_up(self, n);
            return;
        } else if (looper_special(self)) {
            m = looper_strip(self, x, n);
            if (m == 0) {
                m = 1;
                looper_frame(self, x);
            }
        } else {
            m = looper_least(n, self->length - self->position);
            m = self->lap ? looper_least(m, self->lap) : m;
            looper_plain(self, x, m);
        }
        x += m;
        n -= m;
    }
}

static void looper_process(float *x, size_t n_frames, up_looper_t *self, size_t bytes, uint32_t layers) {
    size_t most = (bytes - sizeof(*self)) / (sizeof(int16_t) * layers);
    if (most < 2 * UP_LOOPER_LEAST) {
        return; // no memory for a loop
    }
    self->most = (uint32_t)(most < (1u << 28) ? most : 1u << 28);
    self->layers = layers;
    looper_check(self);
    UP_PIECES_OF(LOOPER_CONTROL, self, x, n_frames, looper_control, looper_run)
}

void up_looper(float *x, size_t n_frames, void *state, size_t bytes) {
    looper_process(x, n_frames, state, bytes, 2);
}

void up_looper1(float *x, size_t n_frames, void *state, size_t bytes) {
    looper_process(x, n_frames, state, bytes, 1);
}
