#pragma once

// Static probes (USDT) for bpftrace, perf and SystemTap, of the provider "shmsem": a nop each until somebody attaches. Without
// <sys/sdt.h> there are none. README.md lists them with their arguments.

#if __has_include(<sys/sdt.h>)
#define SDT_USE_VARIADIC 1
// Arguments in registers or constants: tracers do not understand every operand, such as one in thread-local memory.
#define STAP_SDT_ARG_CONSTRAINT nr
#include <sys/sdt.h>
// A macro, because the probe's name becomes part of an assembler's directive.
#define SHMSEM_PROBE(name, ...) STAP_PROBEV(shmsem, name, __VA_ARGS__)
#else
#define SHMSEM_PROBE(name, ...) static_cast<void>(0)
#endif
