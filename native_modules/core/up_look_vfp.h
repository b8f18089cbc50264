// SPDX-License-Identifier: MIT
// up_look and leaky ReLU of several float registers for cores with a single-precision VFP: the same bits. What needs
// the result of a neighbour stands apart from it, so that a Cortex-M7 does not wait.
#ifndef UP_LOOK_VFP_H
#define UP_LOOK_VFP_H

// Rounded, and what is beyond the nearest node; the node's index saturates, so it counts from the node of 0, whose
// address is in r11; value and slope; the multiply-add. [bits] is UP_TABLE_BITS.
#define LOOK_ROUND(u, k) "vcvtr.s32.f32 s" #k ", s" #u "\n"
#define LOOK_BACK(k, r) "ssat " r ", %[bits], " r "\n" "vcvt.f32.s32 s" #k ", s" #k "\n"
#define LOOK_REST(u, k, r) "vsub.f32 s" #k ", s" #u ", s" #k "\n" "add " r ", r11, " r ", lsl #3\n"
#define LOOK_NODE(u, d, r) "vldr s" #u ", [" r "]\n" "vldr s" #d ", [" r ", #4]\n"
#define LOOK_LINE(u, k, d) "vfma.f32 s" #u ", s" #k ", s" #d "\n"

// Four in s_a to s_d by s0-s7 and r1-r3, r6.
#define LOOK_4(a, b, c, d) \
    LOOK_ROUND(a, 0) LOOK_ROUND(b, 1) LOOK_ROUND(c, 2) LOOK_ROUND(d, 3) \
    "vmov r1, r2, s0, s1\n" "vmov r3, r6, s2, s3\n" \
    LOOK_BACK(0, "r1") LOOK_BACK(1, "r2") LOOK_BACK(2, "r3") LOOK_BACK(3, "r6") \
    LOOK_REST(a, 0, "r1") LOOK_REST(b, 1, "r2") LOOK_REST(c, 2, "r3") LOOK_REST(d, 3, "r6") \
    LOOK_NODE(a, 4, "r1") LOOK_NODE(b, 5, "r2") LOOK_NODE(c, 6, "r3") LOOK_NODE(d, 7, "r6") \
    LOOK_LINE(a, 0, 4) LOOK_LINE(b, 1, 5) LOOK_LINE(c, 2, 6) LOOK_LINE(d, 3, 7)

// Eight by s0-s15 and r1-r3, r6-r10.
#define LOOK_8(a, b, c, d, e, f, g, h) \
    LOOK_ROUND(a, 0) LOOK_ROUND(b, 1) LOOK_ROUND(c, 2) LOOK_ROUND(d, 3) \
    LOOK_ROUND(e, 4) LOOK_ROUND(f, 5) LOOK_ROUND(g, 6) LOOK_ROUND(h, 7) \
    "vmov r1, r2, s0, s1\n" "vmov r3, r6, s2, s3\n" "vmov r7, r8, s4, s5\n" "vmov r9, r10, s6, s7\n" \
    LOOK_BACK(0, "r1") LOOK_BACK(1, "r2") LOOK_BACK(2, "r3") LOOK_BACK(3, "r6") \
    LOOK_BACK(4, "r7") LOOK_BACK(5, "r8") LOOK_BACK(6, "r9") LOOK_BACK(7, "r10") \
    LOOK_REST(a, 0, "r1") LOOK_REST(b, 1, "r2") LOOK_REST(c, 2, "r3") LOOK_REST(d, 3, "r6") \
    LOOK_REST(e, 4, "r7") LOOK_REST(f, 5, "r8") LOOK_REST(g, 6, "r9") LOOK_REST(h, 7, "r10") \
    LOOK_NODE(a, 8, "r1") LOOK_NODE(b, 9, "r2") LOOK_NODE(c, 10, "r3") LOOK_NODE(d, 11, "r6") \
    LOOK_NODE(e, 12, "r7") LOOK_NODE(f, 13, "r8") LOOK_NODE(g, 14, "r9") LOOK_NODE(h, 15, "r10") \
    LOOK_LINE(a, 0, 8) LOOK_LINE(b, 1, 9) LOOK_LINE(c, 2, 10) LOOK_LINE(d, 3, 11) \
    LOOK_LINE(e, 4, 12) LOOK_LINE(f, 5, 13) LOOK_LINE(g, 6, 14) LOOK_LINE(h, 7, 15)
#define LOOK_16 LOOK_8(16, 17, 18, 19, 20, 21, 22, 23) LOOK_8(24, 25, 26, 27, 28, 29, 30, 31)
#define LOOK_24 \
    LOOK_4(8, 9, 10, 11) LOOK_4(12, 13, 14, 15) LOOK_4(16, 17, 18, 19) LOOK_4(20, 21, 22, 23) LOOK_4(24, 25, 26, 27) LOOK_4(28, 29, 30, 31)

// Four times leaky ReLU, the slope in s0: max(x, slope x) for 0 < slope <= 1; or, by r1-r3 and r6, a product where the sign is set.
#if defined(UP_VMAXNM)
#define LEAKY_4(a, b, c, d) \
    "vmul.f32 s1, s" #a ", s0\n" "vmul.f32 s2, s" #b ", s0\n" "vmul.f32 s3, s" #c ", s0\n" "vmul.f32 s4, s" #d ", s0\n" \
    "vmaxnm.f32 s" #a ", s" #a ", s1\n" "vmaxnm.f32 s" #b ", s" #b ", s2\n" \
    "vmaxnm.f32 s" #c ", s" #c ", s3\n" "vmaxnm.f32 s" #d ", s" #d ", s4\n"
#else
#define LEAKY_NEGATIVE(r, a) "cmp " r ", #0\n" "it mi\n" "vmulmi.f32 s" #a ", s" #a ", s0\n"
#define LEAKY_4(a, b, c, d) \
    "vmov r1, r2, s" #a ", s" #b "\n" "vmov r3, r6, s" #c ", s" #d "\n" \
    LEAKY_NEGATIVE("r1", a) LEAKY_NEGATIVE("r2", b) LEAKY_NEGATIVE("r3", c) LEAKY_NEGATIVE("r6", d)
#endif
#define LEAKY_16 LEAKY_4(16, 17, 18, 19) LEAKY_4(20, 21, 22, 23) LEAKY_4(24, 25, 26, 27) LEAKY_4(28, 29, 30, 31)
#define LEAKY_24 LEAKY_4(8, 9, 10, 11) LEAKY_4(12, 13, 14, 15) LEAKY_16

#define LOOK_CLOBBERS \
    "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", \
    "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27", "s28", "s29", "s30", "s31"

#endif
