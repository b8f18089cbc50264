// SPDX-License-Identifier: MIT
// Gates of a GRU and an LSTM on cores with DSP instructions, two units to a word and one or two words at a time; the
// order of instructions is a Cortex-M7's, which issues two. Same bits as the plain C of the same names in
// up_qrecur.c, the only file that includes this.
#ifndef UP_QRECUR_DSP_H
#define UP_QRECUR_DSP_H

// Words in fours: from -> keep, and to, whose words are planes apart.
static inline __attribute__((always_inline)) void qrecur_output_dsp(up_word_t **to, up_word_t **from, up_word_t **keep, size_t fours) {
    for (const up_word_t *end = *from + 4 * fours; *from != end;) {
        __asm volatile ("ldmia %1!, {r2-r5}\n stmia %2!, {r2-r5}\n"
            "str r2, [%0]\n str r3, [%0, #128]\n str r4, [%0, #256]\n str r5, [%0, #384]\n" // a plane: 4 * UP_CHUNK bytes
            "add %0, #512"
            : "+r" (*to), "+r" (*from), "+r" (*keep) : : "r2", "r3", "r4", "r5", "memory");
    }
}

// A look-up of a word's halves x: nodes i = low half >> 6 and j = high half >> 6, the rest f of both, then
// T[node] + ((slope * f + 32) << 10), whose upper half is the value. `round` holds 32 in its low 22 bits.
#define QGATE_NODES(i, j, x) "sbfx " i ", " x ", #6, #10\n" "asrs " j ", " x ", #22\n"
#define QGATE_NODE(table, i) "ldr " i ", [%[" table "], " i ", lsl #2]\n"
#define QGATE_REST(f) "and " f ", " f ", #0x003f003f\n"
#define QGATE_LOW(to, w, f) "smlabb " to ", " w ", " f ", %[round]\n"
#define QGATE_HIGH(to, w, f) "smlabt " to ", " w ", " f ", %[round]\n"
#define QGATE_VALUE(w, v) "add " w ", " w ", " v ", lsl #10\n"
#define QGATE_ROUND ((int32_t)0x80000020) // its upper half is -2^15

// a + sigmoid(r) * b in place of a, four units at a time.
static inline __attribute__((always_inline)) void qgru_inner(const int32_t *sigmoid, const int16_t *r, int16_t *a,
    const int16_t *b, size_t rows) {
    register const int32_t *table __asm ("r8") = sigmoid;
    register const int16_t *gate __asm ("r9") = r;
    register int16_t *sum __asm ("r10") = a;
    register const int16_t *term __asm ("r11") = b;
    register int32_t round __asm ("r12") = QGATE_ROUND, half __asm ("lr") = 1 << 14;
    const int16_t *end = a + rows;
    __asm volatile (
        "ldrd r0, r1, [%[r]]\n"
        "1:"
        QGATE_NODES("r2", "r3", "r0") QGATE_NODES("r4", "r5", "r1")
        QGATE_NODE("sigmoid", "r3") QGATE_NODE("sigmoid", "r2") QGATE_NODE("sigmoid", "r5") QGATE_NODE("sigmoid", "r4")
        QGATE_REST("r0") QGATE_REST("r1")
        QGATE_LOW("r6", "r2", "r0") QGATE_HIGH("r0", "r3", "r0")
        QGATE_LOW("r7", "r4", "r1")
        QGATE_VALUE("r2", "r6") QGATE_HIGH("r1", "r5", "r1")
        QGATE_VALUE("r3", "r0") "ldr r6, [%[b]], #8\n"
        QGATE_VALUE("r4", "r7") "ldr r0, [%[b], #-4]\n"
        QGATE_VALUE("r5", "r1") "smlatb r2, r2, r6, %[half]\n"
        "smlatt r3, r3, r6, %[half]\n" "ldr r7, [%[a]]\n"
        "smlatb r4, r4, r0, %[half]\n" "ldr r1, [%[a], #4]\n"
        "smlatt r5, r5, r0, %[half]\n" "lsls r3, r3, #1\n"
        "pkhtb r3, r3, r2, asr #15\n" "ldr r0, [%[r], #8]!\n"
        "qadd16 r3, r7, r3\n" "lsls r5, r5, #1\n"
        "pkhtb r5, r5, r4, asr #15\n" "str r3, [%[a]], #8\n"
        "qadd16 r5, r1, r5\n" "ldr r1, [%[r], #4]\n"
        "str r5, [%[a], #-4]\n" "ldr r2, %[end]\n"
        "cmp %[a], r2\n" "bne 1b\n"
        : [r] "+r" (gate), [a] "+r" (sum), [b] "+r" (term)
        : [sigmoid] "r" (table), [round] "r" (round), [half] "r" (half), [end] "m" (end)
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "cc", "memory");
}

// The new h in place of n's argument. The state is kept as h * 2^31 + 2^15, so that its upper half is the rounded h.
static inline __attribute__((always_inline)) void qgru_cells(const int32_t *sigmoid, const int32_t *tanh, const int16_t *z,
    int16_t *n, int32_t *state, size_t hidden) {
    register const int32_t *table_z __asm ("r8") = sigmoid, *table_n __asm ("r9") = tanh;
    register const int16_t *gate __asm ("r10") = z;
    register int16_t *to __asm ("r11") = n;
    register int32_t *h __asm ("r12") = state, round __asm ("lr") = QGATE_ROUND;
    const int16_t *end = n + up_even(hidden);
    __asm volatile (
        "ldr r2, [%[z]], #4\n" "ldr r3, [%[n]]\n"
        QGATE_NODES("r4", "r5", "r2") QGATE_NODES("r6", "r7", "r3")
        "1:"
        QGATE_NODE("sigmoid", "r5") QGATE_REST("r2")
        QGATE_NODE("sigmoid", "r4") QGATE_NODE("tanh", "r7")
        QGATE_NODE("tanh", "r6") QGATE_REST("r3")
        QGATE_LOW("r0", "r4", "r2") QGATE_HIGH("r2", "r5", "r2") QGATE_LOW("r1", "r6", "r3")
        QGATE_VALUE("r4", "r0") QGATE_HIGH("r3", "r7", "r3")
        QGATE_VALUE("r5", "r2") "ldr r0, [%[state]]\n"
        QGATE_VALUE("r6", "r1") "ldr r1, [%[state], #4]\n"
        QGATE_VALUE("r7", "r3") "asrs r0, r0, #1\n"
        "bfc r4, #0, #16\n" "asrs r1, r1, #1\n"
        "bfc r5, #0, #16\n" "ldr r2, [%[z]], #4\n"
        "pkhtb r6, r6, %[round], asr #16\n" "ldr r3, [%[n], #4]!\n" // n * 2^16 + 2^15
        "pkhtb r7, r7, %[round], asr #16\n"
        "sub r0, r0, r6, asr #1\n"
        "sub r1, r1, r7, asr #1\n" "smmulr r0, r0, r4\n"
        "smmulr r1, r1, r5\n" "asrs r5, r2, #22\n"
        "sbfx r4, r2, #6, #10\n"
        "add r0, r6, r0, lsl #2\n"
        "add r1, r7, r1, lsl #2\n" "str r0, [%[state]], #8\n"
        QGATE_NODES("r6", "r7", "r3")
        "pkhtb r0, r1, r0, asr #16\n" "str r1, [%[state], #-4]\n"
        "str r0, [%[n], #-4]\n" "ldr r1, %[end]\n"
        "cmp %[n], r1\n" "bne 1b\n"
        : [z] "+r" (gate), [n] "+r" (to), [state] "+r" (h)
        : [sigmoid] "r" (table_z), [tanh] "r" (table_n), [round] "r" (round), [end] "m" (end)
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "cc", "memory");
}

// The new states, two units at a time. i: the gates i, f and g, `hidden` int16 each.
static inline __attribute__((always_inline)) void qlstm_inner(const int32_t *sigmoid, const int32_t *tanh, const int16_t *i,
    int32_t *state, size_t hidden, int32_t exponent) {
    register const int32_t *table_s __asm ("r8") = sigmoid, *table_t __asm ("r9") = tanh;
    register const int16_t *gate __asm ("r10") = i;
    register int32_t *c __asm ("r11") = state, round __asm ("r12") = QGATE_ROUND;
    register size_t apart __asm ("lr") = 2 * hidden;
    const int16_t *end = i + up_even(hidden);
    int32_t half = (1 << exponent) >> 1;
    __asm volatile (
        "ldr r6, [%[i]]\n" "ldr r7, [%[i], %[apart], lsl #1]\n"
        QGATE_NODES("r4", "r5", "r6")
        "1:"
        QGATE_NODE("sigmoid", "r5") QGATE_NODE("sigmoid", "r4")
        QGATE_NODES("r2", "r3", "r7")
        QGATE_REST("r6") QGATE_REST("r7")
        QGATE_NODE("tanh", "r3") QGATE_NODE("tanh", "r2")
        QGATE_LOW("r0", "r4", "r6") QGATE_HIGH("r6", "r5", "r6")
        QGATE_LOW("r1", "r2", "r7")
        QGATE_VALUE("r4", "r0") QGATE_HIGH("r7", "r3", "r7")
        QGATE_VALUE("r5", "r6") "ldr r6, [%[i], %[apart]]\n"
        QGATE_VALUE("r2", "r1") "ldr r0, %[half]\n"
        QGATE_VALUE("r3", "r7") "and r7, r6, #0x003f003f\n"
        "sbfx r1, r6, #6, #10\n" "smlatt r2, r2, r4, r0\n" // i * g
        "asrs r6, r6, #22\n" "smlatt r3, r3, r5, r0\n"
        "ldr r4, [%[sigmoid], r1, lsl #2]\n" "ldr r5, [%[sigmoid], r6, lsl #2]\n"
        "ldr r1, %[exponent]\n" "ldr r0, [%[state]]\n"
        QGATE_LOW("r6", "r4", "r7") "asrs r2, r1\n"
        QGATE_HIGH("r7", "r5", "r7") "asrs r3, r1\n"
        "ldr r1, [%[state], #4]\n"
        QGATE_VALUE("r4", "r6") "ldr r6, [%[i], #4]!\n"
        QGATE_VALUE("r5", "r7") "ldr r7, [%[i], %[apart], lsl #1]\n"
        "bfc r4, #0, #16\n"
        "bfc r5, #0, #16\n" "smmulr r0, r0, r4\n"
        "smmulr r1, r1, r5\n" "asrs r5, r6, #22\n"
        "sbfx r4, r6, #6, #10\n"
        "add r2, r2, r0, lsl #1\n" "ldr r0, %[end]\n"
        "add r3, r3, r1, lsl #1\n" "cmp %[i], r0\n"
        "ssat r2, #31, r2\n" "str r2, [%[state]], #8\n"
        "ssat r3, #31, r3\n" "str r3, [%[state], #-4]\n"
        "bne 1b\n"
        : [i] "+r" (gate), [state] "+r" (c)
        : [sigmoid] "r" (table_s), [tanh] "r" (table_t), [round] "r" (round), [apart] "r" (apart), [end] "m" (end),
        [half] "m" (half), [exponent] "m" (exponent)
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "cc", "memory");
}

// h from the states and the gate o.
static inline __attribute__((always_inline)) void qlstm_cells(const int32_t *sigmoid, const int32_t *tanh, const int16_t *o,
    const int32_t *state, int16_t *h, size_t hidden, int32_t exponent) {
    register const int32_t *table_s __asm ("r8") = sigmoid, *table_t __asm ("r9") = tanh;
    register const int16_t *gate __asm ("r10") = o;
    register const int32_t *c __asm ("r11") = state;
    register int32_t round __asm ("r12") = QGATE_ROUND;
    register int16_t *to __asm ("lr") = h;
    const int16_t *last = h + up_even(hidden) - 2;
    int32_t down = 1 << (14 + exponent);
    __asm volatile (
        "ldr r0, [%[o]], #4\n" "ldr r7, %[down]\n"
        "ldr r1, [%[state]], #8\n"
        "1: ldr r2, [%[state], #-4]\n" "smmulr r1, r1, r7\n"
        QGATE_NODES("r3", "r4", "r0")
        QGATE_REST("r0") "smmulr r2, r2, r7\n"
        QGATE_NODE("sigmoid", "r4") QGATE_NODE("sigmoid", "r3")
        "ssat r1, #16, r1\n"
        "ssat r2, #16, r2\n" QGATE_HIGH("r6", "r4", "r0")
        "asrs r5, r1, #6\n" QGATE_LOW("r0", "r3", "r0")
        "and r1, r1, #63\n" "asrs r7, r2, #6\n"
        QGATE_VALUE("r4", "r6") QGATE_NODE("tanh", "r5")
        QGATE_VALUE("r3", "r0") QGATE_NODE("tanh", "r7")
        "and r2, r2, #63\n" QGATE_LOW("r1", "r5", "r1")
        QGATE_LOW("r2", "r7", "r2") "mov r6, #0x4000\n"
        "ldr r0, [%[o]], #4\n"
        QGATE_VALUE("r5", "r1") "ldr r1, [%[state]], #8\n"
        QGATE_VALUE("r7", "r2") "smlatt r3, r3, r5, r6\n"
        "smlatt r4, r4, r7, r6\n" "ldr r5, %[last]\n"
        "ldr r7, %[down]\n"
        "lsls r4, r4, #1\n" "cmp %[h], r5\n"
        "pkhtb r4, r4, r3, asr #15\n" "str r4, [%[h]], #4\n"
        "bne 1b\n"
        : [o] "+r" (gate), [state] "+r" (c), [h] "+r" (to)
        : [sigmoid] "r" (table_s), [tanh] "r" (table_t), [round] "r" (round), [last] "m" (last), [down] "m" (down)
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "cc", "memory");
}

#endif
