// SPDX-License-Identifier: MIT
// Passes of up_plane.h for cores with a single-precision VFP: lists of 16 words, the rest one by one.
// Included by up_plane.c only.
#ifndef UP_PLANE_VFP_H
#define UP_PLANE_VFP_H

#define PLANE_VFP_LOW "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15"
#define PLANE_VFP_HIGH "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27", "s28", "s29", "s30", "s31"

// Whole chunks.
static inline void plane_copy_full(float *to, size_t to_step, const float *from, size_t from_step, size_t planes) {
    size_t more_to = 4 * (to_step - UP_CHUNK), more_from = 4 * (from_step - UP_CHUNK);
    __asm volatile (
        "1: vldmia %[f]!, {s0-s15}\n" "vstmia %[t]!, {s0-s15}\n" "vldmia %[f]!, {s0-s15}\n" "vstmia %[t]!, {s0-s15}\n"
        "add %[f], %[f], %[mf]\n" "add %[t], %[t], %[mt]\n" "subs %[n], #1\n" "bne 1b\n"
        : [t] "+r" (to), [f] "+r" (from), [n] "+r" (planes) : [mt] "r" (more_to), [mf] "r" (more_from) : PLANE_VFP_LOW, "cc", "memory");
}

static inline void plane_copy(float *to, const float *from, size_t n) {
    __asm volatile (
        "subs %[n], #16\n" "blo 2f\n"
        "1: vldmia %[f]!, {s0-s15}\n" "vstmia %[t]!, {s0-s15}\n" "subs %[n], #16\n" "bhs 1b\n"
        "2: lsls %[n], #29\n" // bit 3 is the carry, bit 2 the sign
        "itt cs\n" "vldmiacs %[f]!, {s0-s7}\n" "vstmiacs %[t]!, {s0-s7}\n"
        "itt mi\n" "vldmiami %[f]!, {s0-s3}\n" "vstmiami %[t]!, {s0-s3}\n"
        "lsls %[n], #2\n" // bits 1 and 0
        "itt cs\n" "vldmiacs %[f]!, {s0-s1}\n" "vstmiacs %[t]!, {s0-s1}\n"
        "itt mi\n" "vldrmi s0, [%[f]]\n" "vstrmi s0, [%[t]]\n"
        : [t] "+r" (to), [f] "+r" (from), [n] "+r" (n) : : PLANE_VFP_LOW, "cc", "memory");
}

void up_planes_copy(float *to, size_t to_step, const float *from, size_t from_step, size_t planes, size_t n) {
    if (n == UP_CHUNK) {
        plane_copy_full(to, to_step, from, from_step, planes);
        return;
    }
    for (; planes; planes--, to += to_step, from += from_step) {
        plane_copy(to, from, n);
    }
}

#define PLANE_VFP_4(op, a, b, c, d, e, f, g, h) \
    op ".f32 s" #a ", s" #a ", s" #e "\n" op ".f32 s" #b ", s" #b ", s" #f "\n" \
    op ".f32 s" #c ", s" #c ", s" #g "\n" op ".f32 s" #d ", s" #d ", s" #h "\n"
#define PLANE_VFP(name, op, c_op) \
    void name(const float *a, const float *b, float *out, size_t n) { \
        for (; n >= 16; n -= 16) { \
            __asm volatile ("vldmia %[a]!, {s0-s15}\n" "vldmia %[b]!, {s16-s31}\n" \
                PLANE_VFP_4(op, 0, 1, 2, 3, 16, 17, 18, 19) PLANE_VFP_4(op, 4, 5, 6, 7, 20, 21, 22, 23) \
                PLANE_VFP_4(op, 8, 9, 10, 11, 24, 25, 26, 27) PLANE_VFP_4(op, 12, 13, 14, 15, 28, 29, 30, 31) \
                "vstmia %[out]!, {s0-s15}\n" \
                : [a] "+r" (a), [b] "+r" (b), [out] "+r" (out) : : PLANE_VFP_LOW, PLANE_VFP_HIGH, "memory"); \
        } \
        for (; n; n--) { \
            *out++ = *a++ c_op *b++; \
        } \
    }

PLANE_VFP(up_plane_add, "vadd", +)
PLANE_VFP(up_plane_multiply, "vmul", *)

#endif
