# Flags of every build of the core, said once. No contraction: up_fma() alone may fuse, so that
# every target with FMA computes the same bits. No call of memset or memcpy made out of a loop.
UP_CFLAGS = -O2 -ffp-contract=off -fno-math-errno -fno-trapping-math -fno-tree-loop-distribute-patterns
