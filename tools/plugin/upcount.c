// SPDX-License-Identifier: MIT
// QEMU plugin: exact count of executed instructions per address, between two marker instructions.
//
//            start                   stop
//   Thumb    mov r10, r10  (46d2)    mov r11, r11  (46db)
//   RISC-V   slti x0, x0, 1          slti x0, x0, 2
//
// No compiler emits these. The markers themselves are not counted; a second start restarts the
// region. Arguments: out=FILE (required), trace=N (also record the order of execution of N instructions:
// all of a region or, of a longer one, stretches of 4096 spread evenly over it; below 8192 its first N).
//
// FILE, little-endian u32 throughout, one record per region:
//   magic "UPC1"   target (0 Thumb, 1 RISC-V)   number of entries   length of trace
//   entries: address, size in bytes (2 or 4), the instruction's bytes, count low, count high
//   trace: indices into the entries, in the order of execution, one stretch behind the other
// An entry is an address together with what stood there, so code that was loaded, freed and
// replaced at one address is told apart, and no ELF file is needed to know what ran.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What is used of QEMU's plugin interface, version 1 (distributions ship no header).
typedef uint64_t qemu_plugin_id_t;
typedef struct {
    const char *target_name;
    struct { int min, cur; } version;
    bool system_emulation;
    struct { int smp_vcpus, max_vcpus; } system;
} qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translated_fn)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*executed_fn)(unsigned vcpu, void *data);
typedef void (*exit_fn)(qemu_plugin_id_t, void *data);
enum { NO_REGS = 0, ADD_U64 = 0 };
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translated_fn);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, exit_fn, void *data);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, executed_fn,
                                                   int flags, void *data);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int op,
                                                       void *counter, uint64_t add);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

#define MAGIC 0x31435055u // "UPC1"
#define BUCKETS (1u << 14)

typedef struct entry {
    struct entry *same_bucket, *older;
    uint64_t count, at_start; // executions in all, and when the region began
    uint32_t address, size, code, index; // index: its place in the record being written
} entry_t;

static entry_t *buckets[BUCKETS], *newest;
static FILE *out;
static bool riscv, open_region;
static entry_t **trace; // [trace_max], the entries executed, in order
static size_t trace_max, trace_len;
static uint64_t executed, stride; // in this region; every so many stretches one is kept

enum { STRETCH = 4096 };

static void *must(void *memory) {
    if (!memory) {
        fprintf(stderr, "upcount: out of memory\n");
        exit(1);
    }
    return memory;
}

// The entry of this instruction; entries never move, so translated code may point at `count`.
static entry_t *entry_get(uint32_t address, uint32_t size, uint32_t code) {
    entry_t **bucket = &buckets[(address >> 1) * 2654435761u >> 18];
    for (entry_t *e = *bucket; e; e = e->same_bucket) {
        if (e->address == address && e->code == code) {
            return e;
        }
    }
    entry_t *e = must(calloc(1, sizeof *e));
    *e = (entry_t){ .same_bucket = *bucket, .older = newest,
                    .address = address, .size = size, .code = code };
    return newest = *bucket = e;
}

static void on_start(unsigned vcpu, void *data) {
    for (entry_t *e = newest; e; e = e->older) {
        e->at_start = e->count;
    }
    trace_len = executed = 0;
    stride = 1;
    open_region = true;
}

static void put(const uint32_t *words, size_t n) {
    if (fwrite(words, 4, n, out) != n) {
        fprintf(stderr, "upcount: cannot write the counts\n");
        exit(1);
    }
}

static void on_stop(unsigned vcpu, void *data) {
    if (!open_region) {
        return;
    }
    open_region = false;
    uint32_t n = 0;
    for (entry_t *e = newest; e; e = e->older) {
        n += e->count != e->at_start;
    }
    put((uint32_t[]){ MAGIC, riscv, n, (uint32_t)trace_len }, 4);
    n = 0;
    for (entry_t *e = newest; e; e = e->older) {
        uint64_t count = e->count - e->at_start;
        if (count) {
            e->index = n++;
            put((uint32_t[]){ e->address, e->size, e->code, (uint32_t)count,
                              (uint32_t)(count >> 32) }, 5);
        }
    }
    for (size_t i = 0; i < trace_len; i++) {
        put(&trace[i]->index, 1);
    }
    fflush(out);
}

// Room for as many again: of the stretches kept so far every other one stays.
static void thin_out(void) {
    stride *= 2;
    trace_len /= 2;
    for (size_t at = STRETCH; at < trace_len; at += STRETCH) {
        memcpy(trace + at, trace + 2 * at, STRETCH * sizeof *trace);
    }
}

static void on_traced(unsigned vcpu, void *data) {
    if (!open_region) {
        return;
    }
    uint64_t stretch = executed++ / STRETCH;
    if (trace_len == trace_max && trace_max >= 2 * STRETCH && stretch % stride == 0) {
        thin_out();
    }
    if (stretch % stride == 0 && trace_len < trace_max) {
        trace[trace_len++] = data;
    }
}

static void on_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
    uint32_t start = riscv ? 0x00102013 : 0x46d2, stop = riscv ? 0x00202013 : 0x46db;
    size_t n = qemu_plugin_tb_n_insns(tb);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const uint8_t *b = qemu_plugin_insn_data(insn);
        // Size from the encoding: QEMU 7.2 reports 4 for a short instruction at a page's end.
        uint32_t size = (riscv ? (b[0] & 3) == 3 : b[1] >> 3 >= 0x1d) ? 4 : 2;
        uint32_t code = b[0] | b[1] << 8;
        if (size == 4) {
            code |= (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        }
        if (code == start || code == stop) {
            executed_fn marker = code == start ? on_start : on_stop;
            qemu_plugin_register_vcpu_insn_exec_cb(insn, marker, NO_REGS, NULL);
            continue;
        }
        entry_t *e = entry_get((uint32_t)qemu_plugin_insn_vaddr(insn), size, code);
        qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &e->count, 1);
        if (trace_max) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_traced, NO_REGS, e);
        }
    }
}

static void on_exit_(qemu_plugin_id_t id, void *data) {
    fclose(out);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                               char **argv) {
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4)) {
            out = fopen(argv[i] + 4, "wb");
        } else if (!strncmp(argv[i], "trace=", 6)) {
            trace_max = strtoull(argv[i] + 6, NULL, 0);
        }
    }
    if (!out) {
        fprintf(stderr, "upcount: give out=FILE, a file that can be written\n");
        return 1;
    }
    if (trace_max >= 2 * STRETCH) {
        trace_max -= trace_max % (2 * STRETCH);
    }
    if (trace_max) {
        trace = must(malloc(trace_max * sizeof *trace));
    }
    riscv = !strncmp(info->target_name, "riscv", 5);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
    qemu_plugin_register_atexit_cb(id, on_exit_, NULL);
    return 0;
}
