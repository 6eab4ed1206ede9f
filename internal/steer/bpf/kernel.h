/* What the programs need of the kernel's interface (bpf(2)), so that their objects depend on no header that happens to be installed. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define net32(x) __builtin_bswap32(x)
#else
#define net32(x) (x)
#endif

/* Declarations of maps are read from BTF. */
#define map_type(n) int (*type)[n]
#define map_flags_are(n) int (*map_flags)[n]
#define map_holds(n) int (*max_entries)[n]
