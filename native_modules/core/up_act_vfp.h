// SPDX-License-Identifier: MIT
// Activations of up_act.c for cores with a single-precision VFP, several samples at a time: same bits.
#ifndef UP_ACT_VFP_H
#define UP_ACT_VFP_H

#include "up_look_vfp.h"

static __attribute__((noinline)) void act_look(const up_node_t *table, float *x, size_t n) {
    register const up_node_t *middle __asm ("r11") = table + UP_TABLE_SIZE / 2;
    for (; n >= 16; n -= 16) {
        __asm volatile ("vldmia %[x], {s16-s31}\n" LOOK_16 "vstmia %[x]!, {s16-s31}\n"
            : [x] "+r" (x) : "r" (middle), [bits] "I" (UP_TABLE_BITS)
            : "r1", "r2", "r3", "r6", "r7", "r8", "r9", "r10", LOOK_CLOBBERS, "memory");
    }
    for (; n; n--, x++) {
        *x = up_look(table, *x);
    }
}

// Sixteen samples at a time, and what is left. `own` is in s0.
#define ACT_VFP(name, code, rest) \
    static __attribute__((noinline)) void name(float *x, float own, size_t n) { \
        for (; n >= 16; n -= 16) { \
            __asm volatile ("vmov s0, %[own]\n" "vldmia %[x], {s16-s31}\n" code "vstmia %[x]!, {s16-s31}\n" \
                : [x] "+r" (x) : [own] "r" (own) : "r1", "r2", "r3", "r6", "cc", LOOK_CLOBBERS, "memory"); \
        } \
        for (; n; n--, x++) { \
            *x = rest; \
        } \
    }

#if defined(UP_VMAXNM)
#define ACT_OR_0(a) "vmaxnm.f32 s" #a ", s" #a ", s0\n"
#else
#define ACT_OR_0(a) "vcmp.f32 s" #a ", #0.0\n" "vmrs APSR_nzcv, fpscr\n" "it le\n" "vmovle.f32 s" #a ", s0\n"
#endif
#define ACT_RELU \
    ACT_OR_0(16) ACT_OR_0(17) ACT_OR_0(18) ACT_OR_0(19) ACT_OR_0(20) ACT_OR_0(21) ACT_OR_0(22) ACT_OR_0(23) \
    ACT_OR_0(24) ACT_OR_0(25) ACT_OR_0(26) ACT_OR_0(27) ACT_OR_0(28) ACT_OR_0(29) ACT_OR_0(30) ACT_OR_0(31)

// 0 < own <= 1.
ACT_VFP(act_leaky, LEAKY_16, *x > 0.0f ? *x : own * *x)
// own = 0.
ACT_VFP(act_relu, ACT_RELU, *x > 0.0f ? *x : own)

#endif
