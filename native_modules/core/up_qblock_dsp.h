// SPDX-License-Identifier: MIT
// A layer of a WaveNet of three channels in one go, two frames at a time, on cores with DSP instructions: convolution,
// slopes, what is added to the heads, and the dense layer behind it with its residual. Exact, so the same bits as
// the layers one by one. Included by up_qconv1d.c only.
//
// The past has two planes of words: channels 0 and 1 of a frame; channel 2 of a frame and, in the high half, of the frame
// a dilation before. So two taps are three words of columns, and nothing is gathered: each word's
// weights lie in a stream together with the address of its signal.
#ifndef UP_QBLOCK_DSP_H
#define UP_QBLOCK_DSP_H

// What the code keeps on the stack, for want of registers.
typedef struct {
    const int32_t *stream; // 3 biases; columns: address, 3 weights; 3 multipliers, 3 slopes, factors; the dense layer's
    const int32_t *w_end;  // behind the columns
    up_word_t *head;       // planes that the output is added to
    const up_word_t *plus; // planes that are added to the dense layer
    up_word_t *out;        // its planes, or NULL
    uint32_t t, end;       // bytes of frames: the first, behind the last
} qblock_t;

#define QBLOCK_MAC(a, w, v) "smlad " a ", " w ", " v ", " a "\n"
enum { QBLOCK_BEHIND = 20 }; // words of the stream behind the columns

#if defined(UP_DSP_DUAL)
#include "up_qblock_m7.h"
// r0 the first word's weights, r1 bytes of frames, lr the same of the second frame; sums r2-r4, r5-r7. The first weight
// and the signal are loaded. Each multiplication starts with a load, as in up_qtile_dsp.h: 6 cycles a word.
#define QBLOCK_WORD(k, a, b) \
    QBLOCK_MAC("r5", a, "r11") "ldr " b ", [r0, #16*" #k "+4]\n" QBLOCK_MAC("r2", a, "r10") "ldr r12, [r0, #16*" #k "+12]\n" \
    QBLOCK_MAC("r6", b, "r11") "ldr " a ", [r0, #16*" #k "+8]\n" QBLOCK_MAC("r3", b, "r10") "ldr " b ", [r0, #16*" #k "+16]\n" \
    QBLOCK_MAC("r7", a, "r11") "ldr r11, [r12, lr]\n" QBLOCK_MAC("r4", a, "r10") "ldr r10, [r12, r1]\n"
#define QBLOCK_WORDS(k, l) QBLOCK_WORD(k, "r8", "r9") QBLOCK_WORD(l, "r9", "r8")
#define QBLOCK_START \
    "ldr r0, %[stream]\n" "add lr, r1, #4\n" "ldr r12, [r0, #12]\n" "ldr r2, [r0]\n" "ldr r3, [r0, #4]\n" "ldr r8, [r0, #16]\n" \
    "ldr r4, [r0, #8]\n" "mov r5, r2\n" "ldr r11, [r12, lr]\n" "ldr r10, [r12, r1]\n" "mov r6, r3\n" "mov r7, r4\n" "add r0, #16\n"
#define QBLOCK_LOOP \
    QBLOCK_WORDS(0, 1) QBLOCK_WORDS(2, 3) QBLOCK_WORDS(4, 5) QBLOCK_WORDS(6, 7) QBLOCK_WORDS(8, 9) \
    "ldr r12, %[w_end]\n" "add r0, #160\n" "cmp r0, r12\n"
enum { QBLOCK_TURN = 10, QBLOCK_AHEAD = 1 }; // words of columns of a turn; whose address is read on
#else
#define QBLOCK_MAC(a, w, v) "smlad " a ", " w ", " v ", " a "\n"
// r0 the stream, r1 bytes of frames, lr the same of the second frame; sums r2-r4, r5-r7.
#define QBLOCK_WORD(early) \
    "ldmia r0!, {r8-r11}\n" "ldr r12, [r8, r1]\n" "ldr r8, [r8, lr]\n" \
    QBLOCK_MAC("r2", "r9", "r12") QBLOCK_MAC("r3", "r10", "r12") QBLOCK_MAC("r4", "r11", "r12") early \
    QBLOCK_MAC("r5", "r9", "r8") QBLOCK_MAC("r6", "r10", "r8") QBLOCK_MAC("r7", "r11", "r8")
#define QBLOCK_RQ(a, b, m) "smmulr " a ", " a ", " m "\n" "smmulr " b ", " b ", " m "\n"
// As in up_qtile_dsp.h.
#define QBLOCK_SLOPE(x, y, s) \
    "usat r11, #15, " x "\n" "usat r12, #15, " y "\n" "ssat " x ", #16, " x "\n" "ssat " y ", #16, " y "\n" \
    "sub " x ", r11\n" "sub " y ", r12\n" "smmlar " x ", " x ", " s ", r11\n" "smmlar " y ", " y ", " s ", r12\n"
// A word of two channels of the heads; lr the factors, r10 half of one.
#define QBLOCK_HEAD2(h, low, high) \
    "smlabb r12, " h ", lr, r10\n" "smlatb " h ", " h ", lr, r10\n" "smlabt r12, " low ", lr, r12\n" "smlabt " h ", " high ", lr, " h "\n" \
    "ssat r12, #16, r12, asr #14\n" "ssat " h ", #16, " h ", asr #14\n" "pkhbt " h ", r12, " h ", lsl #16\n"
// Of one channel, both frames.
#define QBLOCK_HEAD1(h, low, i, next) \
    "smlabb " h ", " h ", lr, r10\n" "smlabb " i ", " i ", lr, r10\n" "smlabt " h ", " low ", lr, " h "\n" "smlabt " i ", " next ", lr, " i "\n" \
    "ssat " h ", #16, " h ", asr #14\n" "ssat " i ", #16, " i ", asr #14\n" "uxth " h ", " h "\n" "uxth " i ", " i "\n"
// What is added: lr its factor, r12 half of one.
#define QBLOCK_PLUS2(to, low, high, p) \
    "smlabb r0, " p ", lr, r12\n" "smlatb " p ", " p ", lr, r12\n" "add " low ", " low ", r0, asr #14\n" "add " high ", " high ", " p ", asr #14\n" \
    "ssat " low ", #16, " low "\n" "ssat " high ", #16, " high "\n" "pkhbt " to ", " low ", " high ", lsl #16\n"
#define QBLOCK_PLUS1(to, p, next, q) \
    "smlabb " p ", " p ", lr, r12\n" "smlabb " q ", " q ", lr, r12\n" "add " to ", " to ", " p ", asr #14\n" "add " next ", " next ", " q ", asr #14\n" \
    "ssat " to ", #16, " to "\n" "ssat " next ", #16, " next "\n" "uxth " to ", " to "\n" "uxth " next ", " next "\n"
#define QBLOCK_SAT(r) "ssat " r ", #16, " r "\n"

#define QBLOCK_START "ldr r0, %[stream]\n" "add lr, r1, #4\n" "ldmia r0!, {r2-r4}\n" "mov r5, r2\n" "mov r6, r3\n" "mov r7, r4\n"
#define QBLOCK_LOOP QBLOCK_WORD() QBLOCK_WORD() QBLOCK_WORD() QBLOCK_WORD() QBLOCK_WORD("ldr r12, %[w_end]\n") "cmp r0, r12\n"
#define QBLOCK_OUT \
    "ldmia r0!, {r8-r10}\n" QBLOCK_RQ("r2", "r5", "r8") QBLOCK_RQ("r3", "r6", "r9") QBLOCK_RQ("r4", "r7", "r10") \
    "ldmia r0!, {r8-r10, lr}\n" QBLOCK_SLOPE("r2", "r5", "r8") QBLOCK_SLOPE("r3", "r6", "r9") QBLOCK_SLOPE("r4", "r7", "r10") \
    "ldr r11, %[head]\n" "mov r10, #8192\n" "add r11, r1\n" \
    "ldrd r8, r9, [r11]\n" \
    QBLOCK_HEAD2("r8", "r2", "r3") QBLOCK_HEAD2("r9", "r5", "r6") \
    "strd r8, r9, [r11]\n" "ldrd r8, r9, [r11, #128]\n" \
    QBLOCK_HEAD1("r8", "r4", "r9", "r7") \
    "strd r8, r9, [r11, #128]\n"
// The dense layer's sums r8-r10, r3, r6, r11; r4, r5, r2, r7 what is added, lr its factor.
#define QBLOCK_DENSE \
    "pkhbt r2, r2, r3, lsl #16\n" "pkhbt r5, r5, r6, lsl #16\n" \
    "ldmia r0!, {r8-r10}\n" "ldrd r12, lr, [r0], #8\n" "mov r3, r8\n" "mov r6, r9\n" "mov r11, r10\n" \
    QBLOCK_MAC("r8", "r12", "r2") QBLOCK_MAC("r3", "r12", "r5") QBLOCK_MAC("r9", "lr", "r2") QBLOCK_MAC("r6", "lr", "r5") \
    "ldrd r12, lr, [r0], #8\n" \
    QBLOCK_MAC("r10", "r12", "r2") QBLOCK_MAC("r11", "r12", "r5") QBLOCK_MAC("r8", "lr", "r4") QBLOCK_MAC("r3", "lr", "r7") \
    "ldrd r12, lr, [r0], #8\n" \
    QBLOCK_MAC("r9", "r12", "r4") QBLOCK_MAC("r6", "r12", "r7") QBLOCK_MAC("r10", "lr", "r4") QBLOCK_MAC("r11", "lr", "r7") \
    "ldmia r0, {r2, r4, r5, lr}\n" "ldr r7, %[plus]\n" \
    QBLOCK_RQ("r8", "r3", "r2") QBLOCK_RQ("r9", "r6", "r4") QBLOCK_RQ("r10", "r11", "r5") \
    "add r7, r1\n" "ldrd r4, r5, [r7]\n" "ldrd r2, r7, [r7, #128]\n" \
    QBLOCK_SAT("r8") QBLOCK_SAT("r3") QBLOCK_SAT("r9") QBLOCK_SAT("r6") QBLOCK_SAT("r10") QBLOCK_SAT("r11")
#define QBLOCK_STORE "ldr r12, %[out]\n" "add r12, r1\n" "strd r8, r9, [r12]\n" "strd r10, r11, [r12, #128]\n"
#define QBLOCK_ADD \
    "pkhbt r8, r8, r9, lsl #16\n" "pkhbt r9, r3, r6, lsl #16\n" "qadd16 r10, r10, r2\n" "qadd16 r11, r11, r7\n" \
    "qadd16 r8, r8, r4\n" "qadd16 r9, r9, r5\n" "uxth r10, r10\n" "uxth r11, r11\n" QBLOCK_STORE
#define QBLOCK_SCALE \
    "mov r12, #8192\n" QBLOCK_PLUS2("r8", "r8", "r9", "r4") QBLOCK_PLUS2("r9", "r3", "r6", "r5") QBLOCK_PLUS1("r10", "r2", "r11", "r7") QBLOCK_STORE
enum { QBLOCK_TURN = 5, QBLOCK_AHEAD = 0 };
#endif

// Not inline: it takes all registers.
static __attribute__((noinline)) void qblock_frames(const qblock_t *job) {
    qblock_t at = *job;
    __asm volatile (
        "ldr r1, %[t]\n"
        "1:" QBLOCK_START
        "2:" QBLOCK_LOOP "bne.w 2b\n"
        QBLOCK_OUT
        "ldr r12, %[out]\n" "cmp r12, #0\n" "beq.w 3f\n"
        QBLOCK_DENSE
        "cmp lr, #16384\n" "bne.w 4f\n"
        QBLOCK_ADD
        "3: ldr r2, %[end]\n" "add r1, #8\n" "cmp r1, r2\n" "blo.w 1b\n"
        "b.w 5f\n"
        "4:" QBLOCK_SCALE
        "b.w 3b\n"
        "5:\n"
        : : [stream] "m" (at.stream), [w_end] "m" (at.w_end), [head] "m" (at.head), [plus] "m" (at.plus), [out] "m" (at.out),
        [t] "m" (at.t), [end] "m" (at.end)
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

static size_t qblock_columns(const up_qconv1d_t *self) {
    size_t words = (self->taps + 1u) / 2 * 3 + (self->side ? 1 : 0);
    return (words + QBLOCK_TURN - 1) / QBLOCK_TURN * QBLOCK_TURN;
}

static size_t qblock_stream_words(const up_qconv1d_t *self) {
    return 3 + 4 * qblock_columns(self) + QBLOCK_AHEAD + QBLOCK_BEHIND;
}

static inline bool qblock_in_order(const up_qconv1d_t *self) {
    return self->step == self->frames + UP_CHUNK;
}

static inline int32_t *qblock_three(int32_t *to, const int32_t *from) {
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
    return to + 3;
}

// Where the columns of taps `late` and the one before read, for what frame 0 of a chunk is at `p` in each.
static inline void qblock_point(const up_qconv1d_t *self, size_t k, ptrdiff_t p) {
    int32_t *at = self->block.stream + 3;
    size_t odd = self->taps & 1, slot = (k + odd) / 2 * 12;
    intptr_t address = (intptr_t)self->ring + (intptr_t)(p * (ptrdiff_t)sizeof(up_word_t));
    if ((k + odd) & 1) {
        at[slot + 4] = (int32_t)address;
        at[slot + 8] = (int32_t)(address + (intptr_t)(self->step * sizeof(up_word_t)));
    } else {
        at[slot] = (int32_t)address;
    }
}

// The matrix's words of tap k, row r: of channels 0 and 1, of channel 2.
static inline const int32_t *qblock_tap(const up_qconv1d_t *self, size_t k) {
    return self->mat.w + 4 + 8 * k;
}

static void qblock_weights(const up_qconv1d_t *self) {
    int32_t *to = qblock_three(self->block.stream, self->mat.w), *end = to + 4 * qblock_columns(self);
    size_t odd = self->taps & 1;
    for (int32_t *w = to; w < end; w += 4) {
        w[0] = (int32_t)(intptr_t)self->ring; // of words that count nothing: any place
        w[1] = w[2] = w[3] = 0;
    }
    if (QBLOCK_AHEAD) {
        *end = (int32_t)(intptr_t)self->ring;
    }
    for (size_t k = 0; k < self->taps; k++) {
        int32_t *w = to + (k + odd) / 2 * 12;
        bool late = (k + odd) & 1;
        qblock_three(w + (late ? 5 : 1), qblock_tap(self, k));
        for (size_t r = 0; r < 3; r++) {
            int32_t third = qblock_tap(self, k)[4 + r];
            w[9 + r] |= late ? (int32_t)(uint16_t)third : (int32_t)((uint32_t)third << 16);
        }
        if (qblock_in_order(self)) {
            qblock_point(self, k, (ptrdiff_t)(k * self->dilation));
        } else {
            qblock_point(self, k, 0);
        }
    }
    if (odd) { // the pair's first tap is none
        to[0] = to[4];
    }
    if (self->side) {
        qblock_three(to + (self->taps + odd) / 2 * 12 + 1, qblock_tap(self, self->taps));
    }
}

static void qblock_reset(const up_qconv1d_t *self) {
    const up_qblock_t *block = &self->block;
    qblock_weights(self);
    int32_t *to = block->stream + 3 + 4 * qblock_columns(self) + QBLOCK_AHEAD;
    to = qblock_three(to, self->mat.w + 4 + 4 * self->mat.pairs);
    for (size_t r = 0; r < 3; r++) {
        *to++ = block->slopes[r] * (1 << 17);
    }
    *to++ = block->factors;
    if (block->mix) {
        to = qblock_three(to, block->mix);
        to = qblock_three(to, block->mix + 4);
        to = qblock_three(to, block->mix + 8);
        to = qblock_three(to, block->mix + 12);
        *to = block->factor;
    }
}

// Channel 2 with that of a dilation before, which is none of those written.
static inline void qblock_thirds(up_word_t *to, const up_word_t *before, const up_word_t *from, size_t n) {
    for (; n >= 4; n -= 4) {
        __asm volatile ("ldmia %0!, {r2-r5}\n ldmia %1!, {r6, r8, r10, r12}\n"
            "pkhbt r2, r2, r6, lsl #16\n pkhbt r3, r3, r8, lsl #16\n pkhbt r4, r4, r10, lsl #16\n pkhbt r5, r5, r12, lsl #16\n"
            "stmia %2!, {r2-r5}"
            : "+r" (from), "+r" (before), "+r" (to) : : "r2", "r3", "r4", "r5", "r6", "r8", "r10", "r12", "memory");
    }
    for (; n; n--) {
        *to++ = up_pack_low(*from++, *before++);
    }
}

// The new frames into a ring of `size` frames; its first words again behind the last: pairs of frames are read.
static void qblock_push(up_qconv1d_t *self, const up_word_t *in, size_t n) {
    size_t size = self->frames + UP_CHUNK, at = self->at, dilation = self->dilation;
    up_word_t *ring = self->ring, *thirds = ring + self->step;
    for (size_t t = 0, run; t < n; t += run) {
        size_t before = at < dilation ? at + size - dilation : at - dilation;
        bool past = t < dilation;
        run = size - at < n - t ? size - at : n - t;
        if (past) {
            run = size - before < run ? size - before : run;
            run = dilation - t < run ? dilation - t : run;
        }
        up_qcopy(ring + at, in + t, run);
        qblock_thirds(thirds + at, past ? thirds + before : in + UP_CHUNK + t - dilation, in + UP_CHUNK + t, run);
        at += run;
        at -= at == size ? size : 0;
    }
    ring[size] = ring[0];
    thirds[size] = thirds[0];
}

// The place of a tap in a ring; `least`: how many frames there are until one wraps.
static inline size_t qblock_place(size_t p, size_t size, size_t *least) {
    p -= p >= size ? size : 0;
    *least = size - p < *least ? size - p : *least;
    return p;
}

// Sets the taps for frames from t on: how many there are until one wraps, an even number.
static size_t qblock_run(const up_qconv1d_t *self, size_t t, size_t n) {
    size_t size = self->frames + UP_CHUNK, least = size, dilation = self->dilation, p = self->at + UP_CHUNK + t;
    const up_word_t *base = self->ring - t, *thirds = base + self->step;
    int32_t *at = self->block.stream + 3, *end = at + (self->taps + 1u) / 2 * 12;
    if (self->taps & 1) { // the first is without the one before
        p = qblock_place(p, size, &least);
        at[0] = at[4] = (int32_t)(intptr_t)(base + p);
        at[8] = (int32_t)(intptr_t)(thirds + p);
        at += 12;
        p += dilation;
    }
    for (; at < end; at += 12, p += dilation) {
        p = qblock_place(p, size, &least);
        at[0] = (int32_t)(intptr_t)(base + p);
        p = qblock_place(p + dilation, size, &least);
        at[4] = (int32_t)(intptr_t)(base + p);
        at[8] = (int32_t)(intptr_t)(thirds + p);
    }
    least = up_even(least);
    return least < n - t ? least : n - t;
}

static void qblock_process(up_qconv1d_t *self, const up_word_t *in, const up_word_t *side, const up_qblock_io_t *io, size_t n) {
    qblock_t job;
    job.stream = self->block.stream;
    job.w_end = job.stream + 3 + 4 * qblock_columns(self) + QBLOCK_AHEAD;
    job.head = io->head;
    job.plus = io->plus ? io->plus : io->head; // any, times 0
    job.out = io->out;
    if (self->side) {
        self->block.stream[3 + (self->taps + 1u) / 2 * 12] = (int32_t)(intptr_t)side;
    }
    if (qblock_in_order(self)) {
        up_word_t *to = self->ring + self->frames, *thirds = to + self->step;
        qconv1d_eights(to, self->step, in, UP_CHUNK, 1, n);
        size_t past = self->dilation < n ? self->dilation : n;
        qblock_thirds(thirds, thirds - self->dilation, in + UP_CHUNK, past);
        qblock_thirds(thirds + past, in + UP_CHUNK, in + UP_CHUNK + past, n - past);
        job.t = 0;
        job.end = (uint32_t)(n * sizeof(up_word_t));
        qblock_frames(&job);
        qconv1d_eights(self->ring, self->step, self->ring + n, self->step, 2, self->frames);
        return;
    }
    qblock_push(self, in, n);
    for (size_t t = 0, run; t < n; t += run) {
        run = qblock_run(self, t, n);
        job.t = (uint32_t)(t * sizeof(up_word_t));
        job.end = (uint32_t)((t + run) * sizeof(up_word_t));
        qblock_frames(&job);
    }
    size_t size = self->frames + UP_CHUNK, at = self->at + n;
    self->at = (uint32_t)(at < size ? at : at - size);
}

#endif
