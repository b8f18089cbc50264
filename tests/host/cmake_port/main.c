// firmware SCRIPT: runs the text of a script; exit code 1 where it raises.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "py/builtin.h"
#include "py/compile.h"
#include "py/cstack.h"
#include "py/gc.h"
#include "py/mperrno.h"
#include "py/runtime.h"
#include "shared/runtime/gchelper.h"

static char heap[1 << 20];

mp_uint_t mp_hal_stdout_tx_strn(const char *text, size_t size) {
    return fwrite(text, 1, size, stdout);
}

void mp_hal_stdout_tx_strn_cooked(const char *text, size_t size) {
    fwrite(text, 1, size, stdout);
}

void gc_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    gc_collect_end();
}

mp_lexer_t *mp_lexer_new_from_file(qstr name) {
    mp_raise_OSError(MP_ENOENT);
}

mp_import_stat_t mp_import_stat(const char *path) {
    return MP_IMPORT_STAT_NO_EXIST;
}

void nlr_jump_fail(void *value) {
    _exit(2);
}

int main(int argc, char **argv) {
    mp_cstack_init_with_sp_here(200000);
    gc_init(heap, heap + sizeof(heap));
    mp_init();
    nlr_buf_t nlr;
    if (nlr_push(&nlr)) {
        mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(nlr.ret_val));
        return 1;
    }
    mp_lexer_t *lexer = mp_lexer_new_from_str_len(MP_QSTR__lt_string_gt_, argv[1], strlen(argv[1]), 0);
    mp_parse_tree_t tree = mp_parse(lexer, MP_PARSE_FILE_INPUT);
    mp_call_function_0(mp_compile(&tree, MP_QSTR__lt_string_gt_, false));
    nlr_pop();
    return 0;
}
